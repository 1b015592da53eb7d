//! What tools can do.

use std::arch::naked_asm;
use std::sync::atomic::{AtomicU64, Ordering};

use midstride_tracer::follow::{
    AppPc, AppState, BlockId, Draft, ExecBlock, Exit, Flow, Follower, Following, Gpr, Leaving, Observer,
    Options, Probe, Tool, counter, decode, is_following_me,
};

use crate::machine::range_of;
use crate::{followed, small};

/// `rdi` times three, in three additions; one block.
#[unsafe(naked)]
extern "C" fn triple(n: u64) -> u64 {
    naked_asm!("xor eax, eax", "add rax, rdi", "add rax, rdi", "add rax, rdi", "ret")
}

/// Likewise: one copy for each tool that changes it.
#[unsafe(naked)]
extern "C" fn triple_again(n: u64) -> u64 {
    naked_asm!("xor eax, eax", "add rax, rdi", "add rax, rdi", "add rax, rdi", "ret")
}

fn follower<T: Tool>(tool: T) -> Follower<T> {
    Follower::with_options(tool, small()).expect("a follower")
}

fn at(function: extern "C" fn(u64) -> u64) -> u64 {
    function as *const () as u64
}

#[test]
fn a_dropped_instruction_is_not_run() {
    let place = at(triple);
    let tool = move |block: &mut Draft| {
        if block.start().get() == place {
            block.drop_insn(2);
        }
    };
    assert_eq!((followed(follower(tool), || triple(5)), triple(5)), (10, 15));
}

#[test]
fn a_replaced_instruction_runs_in_the_others_place() {
    let place = at(triple);
    let tool = move |block: &mut Draft| {
        if block.start().get() == place {
            let old = block.step(3).map(|step| step.insn().pc());
            // sub rax, rdi
            let new = old.and_then(|pc| decode(&[0x48, 0x29, 0xf8], pc).ok());
            new.into_iter().for_each(|insn| block.replace_insn(3, insn));
        }
    };
    assert_eq!(followed(follower(tool), || triple(5)), 5);
}

#[test]
fn a_dropped_return_lets_the_block_go_on_behind_it() {
    /// Returns 1 when its first return is dropped.
    #[unsafe(naked)]
    extern "C" fn two_returns(_: u64) -> u64 {
        naked_asm!("xor eax, eax", "ret", "mov eax, 1", "ret")
    }
    let place = at(two_returns);
    let tool = move |block: &mut Draft| {
        if block.start().get() == place {
            block.drop_insn(1);
        }
    };
    assert_eq!(followed(follower(tool), || two_returns(0)), 1);
}

/// Callouts by number, at instructions of [`triple_again`] and of the functions below.
struct Callouts {
    seen: AtomicU64,
}

const ADD_THOUSAND: u32 = 1;
const SKIP: u32 = 2;
const END: u32 = 3;

#[unsafe(naked)]
extern "C" fn redirected(n: u64) -> u64 {
    naked_asm!("mov rax, rdi", "nop", "add rax, 1", "ret")
}

#[unsafe(naked)]
extern "C" fn ended(n: u64) -> u64 {
    naked_asm!("lea rax, [rdi + 7]", "nop", "ret")
}

impl Tool for Callouts {
    fn transform(&self, block: &mut Draft) {
        let places = [(at(triple_again), 1, ADD_THOUSAND), (at(redirected), 1, SKIP), (at(ended), 1, END)];
        for (place, index, id) in places {
            if block.start().get() == place {
                block.set_probe(index, Probe::Callout { id });
            }
        }
    }

    fn callout(&self, id: u32, state: &mut AppState) -> Following {
        self.seen.fetch_add(1, Ordering::Relaxed);
        match id {
            ADD_THOUSAND => state.set(Gpr::Rax, state.get(Gpr::Rax) + 1000),
            SKIP => state.pc += 5, // The nop and the addition.
            _ => return Following::End,
        }
        Following::Continue
    }
}

#[test]
fn callouts_change_registers_redirect_and_end_following() {
    let follower = follower(Callouts { seen: AtomicU64::new(0) });
    let sums = followed(follower, || [triple_again(1), triple_again(2), redirected(5)]);
    assert_eq!(sums, [1003, 1006, 5]);
    // SAFETY: the callout that ends following changes nothing.
    unsafe { follower.follow_me() }.expect("the thread can be followed");
    let before = is_following_me();
    let value = ended(1);
    assert_eq!((before, value, is_following_me()), (true, 8, false));
    assert_eq!(follower.tool().seen.load(Ordering::Relaxed), 4);
}

#[unsafe(naked)]
extern "C" fn looped(n: u64) -> u64 {
    naked_asm!("xor eax, eax", "2:", "add rax, rdi", "dec rdi", "jnz 2b", "ret")
}

#[test]
fn counters_count_exactly() {
    let start = at(looped);
    let tool = move |block: &mut Draft| {
        let pc = block.start().get();
        if (start..start + 10).contains(&pc) {
            let first_time = u32::from(pc != start);
            block.set_probe(0, counter(first_time));
        }
    };
    let options = Options { counters: 2, ..small() };
    let follower = Follower::with_options(tool, options).expect("a follower");
    let sums = followed(follower, || (looped(1000), looped(10)));
    assert_eq!(sums, (500_500, 55));
    // The first round is in the block of the function's start.
    assert_eq!((follower.count(0), follower.count(1)), (2, 999 + 9));
}

#[test]
fn a_place_can_end_following() {
    #[unsafe(naked)]
    extern "C" fn forbidden(n: u64) -> u64 {
        naked_asm!("mov rax, rdi", "ret")
    }
    struct Fence(AtomicU64);
    impl Tool for Fence {
        fn leaves_at(&self, pc: AppPc) -> Following {
            if pc.get() == at(forbidden) { Following::End } else { Following::Continue }
        }

        fn left(&self, pc: AppPc, why: Leaving) {
            if why == Leaving::Asked {
                self.0.store(pc.get(), Ordering::Relaxed);
            }
        }
    }
    let follower = follower(Fence(AtomicU64::new(0)));
    // SAFETY: the tool changes nothing.
    unsafe { follower.follow_me() }.expect("the thread can be followed");
    let before = is_following_me();
    let value = forbidden(3);
    assert_eq!((before, value, is_following_me()), (true, 3, false));
    assert_eq!(follower.tool().0.load(Ordering::Relaxed), at(forbidden));
}

#[test]
fn observers_hear_of_blocks() {
    #[derive(Default)]
    struct Ears([AtomicU64; 3]);
    impl Observer for Ears {
        fn built(&self, _: BlockId, block: &ExecBlock) {
            self.0[0].fetch_add(u64::from(block.insns > 0), Ordering::Relaxed);
        }

        fn linked(&self, _: &Exit, _: &ExecBlock) {
            self.0[1].fetch_add(1, Ordering::Relaxed);
        }

        fn retired(&self, _: BlockId, block: &ExecBlock) {
            self.0[2].fetch_add(u64::from(block.app.start().get() == at(triple)), Ordering::Relaxed);
        }
    }
    let ears: &'static Ears = Box::leak(Box::default());
    let options = Options { observer: ears, ..small() };
    let follower = Follower::with_options(|_: &mut Draft| {}, options).expect("a follower");
    assert_eq!(followed(follower, || triple(2)), 6);
    follower.invalidate(range_of(at(triple), 4));
    let heard = ears.0.each_ref().map(|count| count.load(Ordering::Relaxed));
    let stats = follower.stats().cache;
    assert_eq!((heard[0], heard[1], heard[2]), (stats.blocks, stats.links, 1));
}

#[test]
fn a_tool_sees_every_instruction_that_runs() {
    static RETURNS: AtomicU64 = AtomicU64::new(0);
    let tool = |block: &mut Draft| {
        let last = block.steps().last().map(|step| step.insn().flow());
        RETURNS.fetch_add(u64::from(matches!(last, Some(Flow::Return { .. }))), Ordering::Relaxed);
    };
    followed(follower(tool), || triple(1));
    assert!(RETURNS.load(Ordering::Relaxed) >= 1);
}

#[test]
fn followers_do_not_disturb_each_other() {
    let add = |n: u64| {
        let place = at(triple);
        follower(move |block: &mut Draft| {
            if block.start().get() == place {
                (0..n as usize).for_each(|index| block.drop_insn(index + 1));
            }
        })
    };
    let followers = [add(0), add(1), add(2)];
    let values = followers.map(|follower| followed(follower, || triple(10)));
    assert_eq!(values, [30, 20, 10]);
}
