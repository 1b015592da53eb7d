use midstride_control::Vector;
use midstride_frame::xsave::legacy;

use super::bench::{Bench, Limit, Verdict, judge};
use super::case::{Case, Piece};
use super::follow::{Followed, Instrumentation};
use super::outcome::{End, Flags, Outcome};
use super::rewriting::Rewriting;
use super::world::{Window, World};
use crate::Random;

const SLOT: u64 = 0x1000;

fn bench() -> Bench {
    Bench::new(&mut Random::new(1), &[Rewriting::plain()])
}

/// A case of this code, with a site behind it, that starts with rsp in its window.
fn case(bench: &mut Bench, code: &[u8]) -> Case {
    let start = bench.machine.world.code;
    let mut case = Case { sites: vec![start + code.len() as u64], ..Case::default() };
    case.pieces.push(Piece { start, bytes: code.to_vec() });
    (case.gpr.rip, case.gpr.rflags) = (start, 0x202);
    case.gpr.rsp = bench.machine.world.window(Window::Stack) + 0x800;
    bench.place(&case, start, SLOT);
    case
}

fn native(bench: &mut Bench, case: &Case) -> Outcome {
    let mut outcome = Outcome::default();
    bench.machine.native(case, &mut outcome);
    outcome
}

#[test]
fn worlds_made_at_once_do_not_take_each_other_s_room() {
    let make = |_| std::thread::spawn(|| (0..20).for_each(|seed| drop(World::new(&mut Random::new(seed)))));
    let threads: Vec<_> = (0..8).map(make).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("twenty worlds"));
}

#[test]
fn a_difference_anywhere_is_noticed() {
    let mut bench = bench();
    let case = case(&mut bench, &[0x48, 0xff, 0xc0]); // inc rax
    let outcome = native(&mut bench, &case);
    assert_eq!((outcome.end, outcome.gpr.rax), (End::Left, 1));
    let last = outcome.area.len() - 1;
    let changes: [fn(&mut Outcome, usize); 9] = [
        |outcome, _| outcome.end = End::Signal { number: 11, code: 1, address: 8 },
        |outcome, _| outcome.gpr.r15 ^= 1 << 63,
        |outcome, _| outcome.gpr.rflags ^= 0x10,
        |outcome, _| outcome.gpr.rip += 1,
        |outcome, _| outcome.fs_base = 8,
        |outcome, _| outcome.area[legacy::MXCSR as usize] ^= 1,
        |outcome, _| outcome.area[legacy::ST as usize + 9] ^= 1,
        |outcome, last| outcome.area[last] ^= 1,
        |outcome, _| outcome.memory[0x17f8] ^= 1,
    ];
    let find = |other: &Outcome| judge(&bench.machine, &case, Flags::Exact, &outcome, other);
    assert_eq!(find(&outcome), None);
    for (n, change) in changes.iter().enumerate() {
        let mut other = outcome.clone();
        // What is said to be initial has no bytes that count.
        other.area[512] = 0xe7;
        change(&mut other, last);
        assert!(find(&other).is_some(), "change {n}");
    }
}

#[test]
fn a_translation_that_is_wrong_is_noticed() {
    let mut bench = bench();
    let case = case(&mut bench, &[0x48, 0xff, 0xc0, 0x48, 0xff, 0xc3]); // inc rax; inc rbx
    let mut steps = super::Steps::default();
    let mut trace = bench.machine.trace(&case, 10);
    bench.step_against(&case, 0, &trace, &mut steps);
    assert_eq!((steps.ended, steps.differences.len()), (1, 0));
    trace.points[1].gpr.rax ^= 2;
    bench.step_against(&case, 0, &trace, &mut steps);
    assert_eq!(steps.differences.len(), 1);
}

#[test]
fn a_native_run_may_be_cut_off_anywhere() {
    let mut bench = bench();
    // inc rax; then three jumps in a row, the last of them back: no code stands for them once they are linked.
    let case = case(&mut bench, &[0x48, 0xff, 0xc0, 0xeb, 0, 0xeb, 0, 0xeb, 0xf7]);
    for limit in 1..24 {
        let mut steps = super::Steps::default();
        let trace = bench.machine.trace(&case, limit);
        bench.step_against(&case, 0, &trace, &mut steps);
        assert_eq!((steps.cut_off, &*steps.differences), (1, &[][..]), "after {limit} instructions");
    }
}

#[test]
fn jumps_to_no_address_fault_at_their_target() {
    let mut bench = bench();
    for code in [&[0xff, 0xe0][..], &[0xc3]] {
        let mut case = case(&mut bench, code);
        case.gpr.rax = 1 << 60;
        case.pokes.push((case.gpr.rsp, 1 << 60));
        assert_eq!(bench.compare(&case, 0), Verdict::Known(Limit::WildTarget), "{code:02x?}");
    }
}

#[test]
fn returns_from_a_misaligned_stack_go_on_when_alignment_is_checked() {
    let mut bench = bench();
    let mut case = case(&mut bench, &[0xc3]);
    case.gpr.rflags |= 0x4_0000;
    case.gpr.rsp += 2;
    assert_eq!(bench.compare(&case, 0), Verdict::Known(Limit::MisalignedReturn));
    case.gpr.rsp += 6;
    case.pokes.push((case.gpr.rsp, case.sites[0]));
    assert_eq!(bench.compare(&case, 0), Verdict::Left);
}

#[test]
fn what_x87_keeps_of_its_last_instruction_is_not_compared() {
    let mut bench = bench();
    let case = case(&mut bench, &[0xd9, 0xe8]); // fld1
    let outcome = native(&mut bench, &case);
    let mut other = outcome.clone();
    other.area[legacy::FIP as usize] ^= 1;
    assert_eq!(judge(&bench.machine, &case, Flags::Exact, &outcome, &other), None);
}

#[test]
fn code_that_never_ends_is_stopped() {
    let mut bench = bench();
    let case = case(&mut bench, &[0xeb, 0xfe]);
    assert_eq!(bench.compare(&case, 0), Verdict::Endless);
}

#[test]
fn a_vector_register_of_the_case_s_own_is_loaded() {
    let mut bench = bench();
    let mut case = case(&mut bench, &[0x66, 0x48, 0x0f, 0x7e, 0xd8]); // movq rax, xmm3
    let mut vector = Vector::default();
    vector.set_lane(0, 42u64);
    case.vector = Some((3, vector));
    assert_eq!(native(&mut bench, &case).gpr.rax, 42);
    assert_eq!(bench.compare(&case, 0), Verdict::Left);
}

/// The registers of a thread context were cleared by it: with GS as the cache's the override has to go.
#[test]
fn clzero_with_an_override_clears_the_program_s_memory() {
    let mut bench = bench();
    let mut case = case(&mut bench, &[0x65, 0x0f, 0x01, 0xfc]);
    case.gpr.rax = bench.machine.world.window(Window::Near) + 0x400;
    assert!(matches!(bench.compare(&case, 0), Verdict::Left | Verdict::Raised { signal: 4 }));
}

/// A look at an unaligned piece of code raised SIGBUS.
#[test]
fn careful_blocks_run_with_alignment_checked() {
    let careful = Rewriting { care: midstride_block::Care::Check, ..Rewriting::plain() };
    let mut bench = Bench::new(&mut Random::new(1), &[careful]);
    let mut case = case(&mut bench, &[0x48, 0xff, 0xc0, 0x90, 0x90]);
    case.gpr.rflags |= 0x4_0000;
    assert_eq!(bench.compare(&case, 0), Verdict::Left);
}

/// The engine came to a range that ends below its start.
#[test]
fn a_jump_to_the_last_address_faults_there_when_followed() {
    let mut followed = Followed::new(&mut Random::new(1), Instrumentation::None, 1 << 20);
    let mut case = case(&mut followed.bench, &[0xff, 0xe0]); // jmp rax
    case.gpr.rax = u64::MAX;
    assert_eq!(followed.compare(&[case]), [Verdict::Raised { signal: 11 }]);
}

/// The word that the return took could not be read again: the harness took it for 0.
#[test]
fn a_return_by_a_stack_pointer_into_code_is_stepped() {
    let mut bench = bench();
    let mut case = case(&mut bench, &[0xc3]);
    case.gpr.rsp = case.gpr.rip + 1;
    let mut steps = super::Steps::default();
    bench.step_through(&case, 0, &mut steps);
    assert_eq!((steps.ended + steps.cut_off, steps.differences.len()), (1, 0));
}
