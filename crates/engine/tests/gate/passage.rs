//! Passages through the gate.

use std::sync::atomic::Ordering;

use midstride_asm::Gpr;
use midstride_block::Door;
use midstride_engine::gate::{EngineCode, answer};
use midstride_engine::phase;
use midstride_os::nr;
use midstride_testkit::Random;

use crate::machine::{Bench, Call, EPOCH, Engines, Machine, NOT_OURS};

/// CF, PF, AF, ZF, SF, DF, OF, AC.
const FLAGS: u64 = 0x4_0cd5;

fn resume() -> Engines {
    Engines { dispatch: |_| answer::RESUME, after: |_| panic!("not called") }
}

fn random_machine(random: &mut Random) -> Machine {
    let gprs = std::array::from_fn(|_| random.next_u64());
    Machine::new(gprs, random.next_u64() & FLAGS | 0x202)
}

/// With which gates the tests are run.
fn codes() -> Vec<EngineCode> {
    [Some(EngineCode::Integer), EngineCode::of_host()].into_iter().flatten().collect()
}

/// What should come out: nothing but the stack pointer is set by the passage itself.
fn expected(bench: &Bench, machine: &Machine) -> Machine {
    let mut machine = *machine;
    machine.gprs[usize::from(Gpr::Rsp.number())] = bench.stack;
    machine
}

#[test]
fn all_registers_and_flags_pass_every_door() {
    for code in codes() {
        let mut bench = Bench::new(code);
        let mut random = Random::new(1);
        for door in Door::ALL {
            for _ in 0..16 {
                let machine = random_machine(&mut random);
                let (out, calls) = bench.pass(door, &machine, resume());
                let wanted = expected(&bench, &machine);
                assert_eq!((out.gprs, out.flags), (wanted.gprs, wanted.flags), "{door:?}");
                let [Call::Dispatch { door: told, state, flags }] = calls[..] else {
                    panic!("one call: {calls:?}")
                };
                assert_eq!((told, state.gprs), (door as u32, wanted.gprs));
                assert_eq!(state.rflags, wanted.flags);
                assert_eq!(flags & NOT_OURS, 0, "the engine runs with flags of the program's");
            }
        }
    }
}

#[test]
fn vector_registers_pass_a_library_s_gate() {
    let Some(code) = EngineCode::of_host() else { return println!("no XSAVE here: not run") };
    let mut bench = Bench::new(code);
    let machine = random_machine(&mut Random::new(2));
    let (out, _) = bench.pass(Door::Direct, &machine, resume());
    assert_eq!(out.vectors(), machine.vectors());
    assert_eq!(out.fx[24..28], machine.fx[24..28], "MXCSR");
}

#[test]
fn what_the_engine_changes_comes_out() {
    let change = Engines {
        dispatch: |cx| {
            cx.state.set(Gpr::Rcx, 7);
            cx.state.rflags |= 1;
            answer::RESUME
        },
        ..resume()
    };
    let mut bench = Bench::new(EngineCode::Integer);
    let machine = Machine::new([3; 16], 0x202);
    let (out, _) = bench.pass(Door::Callout, &machine, change);
    assert_eq!((out.gprs[1], out.gprs[2], out.flags), (7, 3, 0x203));
}

/// A state from which `getpid` is called.
fn getpid() -> Machine {
    let mut machine = Machine::new([5; 16], 0x202);
    machine.gprs[0] = nr::GETPID;
    machine
}

#[test]
fn a_system_call_leaves_as_the_instruction_does() {
    let engines = Engines {
        dispatch: |cx| {
            cx.next_pc = 0x4444;
            answer::SYSCALL
        },
        ..resume()
    };
    for code in codes() {
        let mut bench = Bench::new(code);
        let machine = getpid();
        let (out, calls) = bench.pass(Door::Syscall, &machine, engines);
        let mut wanted = expected(&bench, &machine);
        (wanted.gprs[0], wanted.gprs[1], wanted.gprs[11]) = (std::process::id().into(), 0x4444, 0x202);
        assert_eq!((out.gprs, out.flags), (wanted.gprs, wanted.flags));
        assert_eq!(calls.len(), 1, "the engine is not called again");
        assert_eq!(bench.cx().epoch.load(Ordering::SeqCst), 1, "the thread is inside again");
        assert_eq!(bench.cx().phase.load(Ordering::SeqCst), phase::CACHE);
    }
}

/// Calls getpid and is asked again afterwards.
fn asked_after(answer: fn() -> Engines) -> Vec<Call> {
    let mut bench = Bench::new(EngineCode::Integer);
    bench.pass(Door::Syscall, &getpid(), answer()).1
}

#[test]
fn the_engine_is_called_behind_a_call_it_wants_to_see() {
    let calls = asked_after(|| Engines { dispatch: |_| answer::SYSCALL_AFTER, after: |_| answer::RESUME });
    let [Call::Dispatch { .. }, Call::After { occasion, state }] = calls[..] else { panic!("{calls:?}") };
    assert_eq!((occasion, state.gprs[0]), (answer::SYSCALL_AFTER, std::process::id().into()));
}

#[test]
fn the_engine_is_called_when_something_was_evicted_meanwhile() {
    let calls = asked_after(|| Engines {
        dispatch: |_| {
            EPOCH.fetch_add(1, Ordering::SeqCst);
            answer::SYSCALL
        },
        after: |_| answer::RESUME,
    });
    assert!(matches!(calls[..], [_, Call::After { occasion: answer::SYSCALL, .. }]), "{calls:?}");
}

#[test]
fn a_signal_that_waits_is_served_before_the_program_goes_on() {
    let serve: fn() -> Engines = || Engines {
        dispatch: |cx| {
            cx.has_pending.store(1, Ordering::SeqCst);
            answer::RESUME
        },
        after: |cx| {
            cx.has_pending.store(0, Ordering::SeqCst);
            answer::RESUME
        },
    };
    let calls = asked_after(serve);
    let [Call::Dispatch { .. }, Call::After { occasion, state }] = calls[..] else { panic!("{calls:?}") };
    assert_eq!((occasion, state.gprs[0]), (0, nr::GETPID), "before the call");
}

#[test]
fn a_signal_that_waits_is_served_before_a_system_call() {
    let calls = asked_after(|| Engines {
        dispatch: |cx| {
            cx.has_pending.store(1, Ordering::SeqCst);
            answer::SYSCALL
        },
        after: |cx| {
            cx.has_pending.store(0, Ordering::SeqCst);
            answer::RESUME
        },
    });
    assert!(matches!(calls[..], [_, Call::After { occasion: 0, state }] if state.gprs[0] == nr::GETPID));
}
