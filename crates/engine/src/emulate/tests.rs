//! Instructions that the engine carries out, on a stack of the test's own.

extern crate std;

use std::vec::Vec;

use midstride_block::copy_code;

use super::*;

const AT: u64 = 0x4000;
const TARGET: u64 = 0x5555_0000_1234;

/// The bytes of one instruction at `AT`.
struct Code(&'static [u8]);

impl AppCode for Code {
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize {
        copy_code(if pc.get() == AT { self.0 } else { &[] }, buffer)
    }
}

/// Carries `code` out with `stack` below the stack pointer; answers what became of it, the state, and how far the
/// stack pointer went.
fn run(code: &'static [u8], stack: &[u8], change: impl FnOnce(&mut AppState)) -> (Outcome, AppState, u64) {
    let rsp = stack.as_ptr().expose_provenance() as u64;
    let mut state = AppState { pc: AT, rflags: 0x202, ..AppState::default() };
    state.set(Gpr::Rsp, rsp);
    change(&mut state);
    let outcome = carry_out(&mut state, AppPc::new(AT), &Code(code));
    let moved = state.get(Gpr::Rsp).wrapping_sub(rsp);
    (outcome, state, moved)
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn dwords(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_far_return_to_64_bit_code_is_a_return() {
    let (outcome, state, moved) = run(&[0x48, 0xcb], &words(&[TARGET, USER_CS]), |_| {});
    assert_eq!((outcome, state.pc, moved), (Outcome::Done, TARGET, 16));
    let (outcome, state, moved) = run(&[0x48, 0xca, 0x20, 0], &words(&[TARGET, USER_CS]), |_| {});
    assert_eq!((outcome, state.pc, moved), (Outcome::Done, TARGET, 16 + 0x20));
    let (outcome, state, moved) = run(&[0xcb], &dwords(&[0x1234, USER_CS as u32]), |_| {});
    assert_eq!((outcome, state.pc, moved), (Outcome::Done, 0x1234, 8));
}

#[test]
fn a_far_return_elsewhere_is_left_to_the_processor() {
    const COMPATIBILITY_CS: u64 = 0x23;
    let (outcome, state, moved) = run(&[0x48, 0xcb], &words(&[TARGET, COMPATIBILITY_CS]), |_| {});
    assert_eq!((outcome, state.pc, moved), (Outcome::Native, AT, 0));
}

/// A far branch by the pointer at rbx, with a stack of four words; answers also the two words below rsp.
fn far(code: &'static [u8], pointer: &[u8]) -> (Outcome, AppState, u64, [u64; 2]) {
    let mut stack = [0xaa_u64; 4];
    let rsp = (&raw mut stack).expose_provenance() as u64 + 16;
    let (outcome, state, _) = run(code, pointer, |state| {
        state.set(Gpr::Rbx, state.get(Gpr::Rsp));
        state.set(Gpr::Rsp, rsp);
    });
    let moved = state.get(Gpr::Rsp).wrapping_sub(rsp);
    (outcome, state, moved, core::hint::black_box(&stack)[..2].try_into().expect("two words"))
}

#[test]
fn far_jumps_and_calls_to_64_bit_code_are_carried_out() {
    let pointer = [0x78, 0x56, 0x34, 0x12, 0x33, 0];
    for code in [&[0xff, 0x2b][..], &[0x65, 0xff, 0x2b]] {
        let (outcome, state, moved, stack) = far(code, &pointer); // jmp far [rbx]
        assert_eq!((outcome, state.pc, moved, stack), (Outcome::Done, 0x1234_5678, 0, [0xaa; 2]));
    }
    let (outcome, state, moved, stack) = far(&[0xff, 0x1b], &pointer); // call far [rbx]
    assert_eq!((outcome, state.pc), (Outcome::Done, 0x1234_5678));
    let frame = USER_CS << 32 | (AT + 2);
    assert_eq!((moved.cast_signed(), stack), (-8, [0xaa, frame]));
    let (outcome, state, moved, stack) = far(&[0x66, 0xff, 0x1b], &[0x34, 0x12, 0x33, 0]);
    assert_eq!((outcome, state.pc, moved.cast_signed()), (Outcome::Done, 0x1234, -4));
    assert_eq!(stack[1] >> 32, USER_CS << 16 | (AT + 3));
}

/// The pointer was read behind the engine's own base of GS.
#[test]
fn far_branches_elsewhere_are_left_to_the_processor_without_their_override() {
    let compatibility = [0x78, 0x56, 0x34, 0x12, 0x23, 0];
    assert_eq!(far(&[0xff, 0x2b], &compatibility).0, Outcome::Native);
    assert_eq!(far(&[0x65, 0xff, 0x2b], &compatibility).0, Outcome::WithoutGs { at: AT + 1 });
    let nowhere = |code| run(code, &[], |state| state.set(Gpr::Rbx, 8)).0;
    assert_eq!(nowhere(&[0xff, 0x1b]), Outcome::Native);
    assert_eq!(nowhere(&[0x65, 0xff, 0x1b]), Outcome::WithoutGs { at: AT + 1 });
    assert_eq!(nowhere(&[0x66, 0x65, 0xff, 0x1b]), Outcome::Native, "the other prefix counts too");
}

#[test]
fn an_interrupt_return_takes_pc_flags_and_stack() {
    const STACK: u64 = 0x7fff_0000;
    const ALL_FLAGS: u64 = u64::MAX;
    let frame = words(&[TARGET, USER_CS, ALL_FLAGS, STACK, USER_SS]);
    let (outcome, state, _) = run(&[0x48, 0xcf], &frame, |_| {});
    assert_eq!((outcome, state.pc, state.get(Gpr::Rsp)), (Outcome::Done, TARGET, STACK));
    assert_eq!(state.rflags, 0x202 | USER_FLAGS, "only what a program may set");
    let other_stack = words(&[TARGET, USER_CS, 0, STACK, 0]);
    assert_eq!(run(&[0x48, 0xcf], &other_stack, |_| {}).0, Outcome::Native);
}

/// All flags but those in its 16 bits were cleared.
#[test]
fn an_interrupt_return_of_16_bits_keeps_the_upper_flags() {
    let stack: Vec<u8> =
        [0x4000u16, 0x33, 0x46, 0x7000, 0x2b].iter().flat_map(|word| word.to_le_bytes()).collect();
    let (outcome, state, _) = run(&[0x66, 0xcf], &stack, |state| state.rflags = 0x4_0203);
    assert_eq!((outcome, state.rflags), (Outcome::Done, 0x4_0246));
}

/// They were carried out.
#[test]
fn returns_that_the_processor_refuses_are_left_to_it() {
    let stack = words(&[0x4000, 0x33, 0x202, 0x7000, 0x2b]);
    let (outcome, ..) = run(&[0x48, 0xcf], &stack, |state| state.rflags |= 1 << 14);
    assert_eq!(outcome, Outcome::Native, "nested task");
    let (outcome, ..) = run(&[0x48, 0xcf], &stack, |state| {
        state.rflags |= 1 << 18;
        state.set(Gpr::Rsp, state.get(Gpr::Rsp) + 1);
    });
    assert_eq!(outcome, Outcome::Native, "misaligned, with alignment checked");
}

#[test]
fn the_base_of_gs_reads_as_0_and_can_only_be_set_to_that() {
    let base = |rcx| move |state: &mut AppState| state.set(Gpr::Rcx, rcx);
    let (outcome, state, _) = run(&[0xf3, 0x48, 0x0f, 0xae, 0xc9], &[], base(7)); // rdgsbase rcx
    assert_eq!((outcome, state.get(Gpr::Rcx), state.pc), (Outcome::Done, 0, AT + 5));
    const WRITE: [u8; 5] = [0xf3, 0x48, 0x0f, 0xae, 0xd9]; // wrgsbase rcx
    assert_eq!(run(&WRITE, &[], base(0)).0, Outcome::Done);
    assert_eq!(run(&WRITE, &[], base(0x1000)).0, Outcome::TakesGs { base: 0x1000 });
    let (outcome, state, _) = run(&WRITE, &[], base(0x1000));
    assert_eq!((outcome, state.pc), (Outcome::TakesGs { base: 0x1000 }, AT), "it has not been carried out");
}

#[test]
fn a_null_selector_may_be_loaded_into_gs_and_no_other() {
    const MOV: [u8; 2] = [0x8e, 0xe8]; // mov gs, eax
    for (selector, wanted) in
        [(0, Outcome::Done), (3, Outcome::Done), (USER_SS, Outcome::TakesGs { base: 0 })]
    {
        assert_eq!(run(&MOV, &[], |state| state.set(Gpr::Rax, selector)).0, wanted);
    }
    let (outcome, state, moved) = run(&[0x0f, 0xa9], &words(&[0]), |_| {}); // pop gs
    assert_eq!((outcome, state.pc, moved), (Outcome::Done, AT + 2, 8));
}

/// Known limits: the thread's own register keeps what it had, and a far pointer is not looked at.
#[test]
fn what_is_loaded_into_gs_is_not_what_reads_back() {
    fn selector() -> u64 {
        let selector: u64;
        // SAFETY: reads a segment register.
        unsafe {
            core::arch::asm!("mov {}, gs", out(reg) selector, options(nomem, nostack, preserves_flags))
        };
        selector
    }
    let before = selector();
    assert_eq!(run(&[0x8e, 0xe8], &[], |state| state.set(Gpr::Rax, 3)).0, Outcome::Done, "mov gs, eax");
    assert_eq!(selector(), before);
    static NULL: [u64; 2] = [0; 2];
    let at_null = |state: &mut AppState| state.set(Gpr::Rax, (&raw const NULL).expose_provenance() as u64);
    assert_eq!(run(&[0x0f, 0xb5, 0], &[], at_null).0, Outcome::TakesGs { base: 0 }, "lgs eax, [rax]");
}

/// They were left to the processor, which loaded a selector that took the engine's base away, from another address.
#[test]
fn selectors_for_gs_come_from_any_segment() {
    static NULL: [u64; 1] = [0];
    let at_null = |state: &mut AppState| state.set(Gpr::Rax, (&raw const NULL).expose_provenance() as u64);
    assert_eq!(run(&[0x65, 0x8e, 0x28], &[], at_null).0, Outcome::Done, "mov gs, gs:[rax]");
    let base = segment_base(SegmentBase::Fs).expect("this thread has one");
    let in_fs = |state: &mut AppState| {
        at_null(state);
        state.set(Gpr::Rax, state.get(Gpr::Rax).wrapping_sub(base));
    };
    assert_eq!(run(&[0x64, 0x8e, 0x28], &[], in_fs).0, Outcome::Done, "mov gs, fs:[rax]");
}

/// They were carried out.
#[test]
fn misaligned_selectors_are_left_to_the_processor_when_it_checks() {
    let (outcome, ..) = run(&[0x0f, 0xa9], &words(&[0, 0]), |state| {
        state.rflags |= ALIGNMENT_CHECK;
        state.set(Gpr::Rsp, state.get(Gpr::Rsp) + 4);
    });
    assert_eq!(outcome, Outcome::Native, "pop gs");
}

#[test]
fn bytes_that_are_gone_are_left_to_the_processor() {
    assert_eq!(run(&[], &[], |_| {}).0, Outcome::Native);
}

#[test]
fn a_vsyscall_returns_to_its_caller() {
    let stack = words(&[TARGET]);
    let mut state = AppState { pc: 0xffff_ffff_ff60_0400, ..AppState::default() };
    state.set(Gpr::Rsp, stack.as_ptr().expose_provenance() as u64);
    assert_eq!(vsyscall(&mut state), Outcome::Done);
    assert_eq!(state.pc, TARGET);
    assert!(state.get(Gpr::Rax) > 1_600_000_000, "it answers the time");
    assert_eq!(vsyscall(&mut state), Outcome::Native);
}
