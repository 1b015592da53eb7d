//! Where control goes.

use std::thread::sleep;
use std::time::Duration;

use midstride_asm::{Alu, Cond, Gpr, Mem, Width};
use midstride_control::{
    Activity, CodePoint, ControlError, Controller, Edge, Event, ExitKind, ExitPoint, Program,
};

use super::Setup;
use crate::lab::{Lab, fell_off, id, jumped_out, program};

pub(crate) fn a_program_runs_to_its_end(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.mov_ri(Gpr::Rax, 7);
        w.imul_rr(Width::W32, Gpr::Rax, Gpr::Rax);
    });
    assert_eq!(lab.run(), fell_off(5));
    assert_eq!(lab.registers().gpr.rax, 49);
    let exit = CodePoint::Exit(ExitPoint { insn: id(5), kind: ExitKind::Next });
    assert_eq!((lab.state().point, lab.state().activity), (exit, Activity::Stopped));
    assert_eq!(lab.run(), fell_off(5), "it can run again");
}

pub(crate) fn a_branch_without_target_is_an_exit(setup: Setup) {
    let mut program = Program::new();
    program.insert(id(1), &[0x85, 0xc0]).unwrap(); // test eax, eax
    program.insert(id(2), &[0x74, 0]).unwrap(); // je
    program.link(id(1), Edge::Next, Some(id(2))).unwrap();
    let lab = Lab::new(setup);
    lab.session.load(program).unwrap();
    assert_eq!(lab.run_from(1), jumped_out(2));
    lab.set(|registers| registers.gpr.rax = 1);
    assert_eq!(lab.run_from(1), fell_off(2));
}

pub(crate) fn loops_run_until_their_condition_fails(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let again = w.new_label();
        w.bind(again);
        w.alu_rr(Width::W64, Alu::Add, Gpr::Rax, Gpr::Rcx);
        w.dec_r(Width::W64, Gpr::Rcx);
        w.jcc_short(Cond::Ne, again);
    });
    lab.set(|registers| registers.gpr.rcx = 1000);
    assert_eq!(lab.run(), fell_off(6));
    assert_eq!(lab.registers().gpr.rax, 500_500);
}

pub(crate) fn counted_branches_count(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let (again, out) = (w.new_label(), w.new_label());
        w.bind(again);
        w.inc_r(Width::W64, Gpr::Rax);
        w.loop_(again);
        w.jrcxz(out);
        w.ud2();
        w.bind(out);
    });
    lab.set(|registers| registers.gpr.rcx = 77);
    assert_eq!(lab.run(), jumped_out(5));
    assert_eq!((lab.registers().gpr.rax, lab.registers().gpr.rcx), (77, 0));
}

pub(crate) fn calls_return(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let (function, end) = (w.new_label(), w.new_label());
        w.call(function);
        w.call(function);
        w.jmp(end);
        w.bind(function);
        w.inc_r(Width::W64, Gpr::Rax);
        w.ret();
        w.bind(end);
        w.nop(1);
    });
    let rsp = lab.registers().gpr.rsp;
    assert_eq!(lab.run(), fell_off(19));
    assert_eq!((lab.registers().gpr.rax, lab.registers().gpr.rsp), (2, rsp));
}

pub(crate) fn indirect_branches_find_their_targets(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let function = w.new_label();
        w.call_r(Gpr::Rbx); // 0
        w.push_r(Gpr::Rbx); // 2
        w.call_m(Mem::base(Gpr::Rsp, 0)); // 3
        w.pop_r(Gpr::Rcx); // 6
        w.jmp_r(Gpr::Rdx); // 7
        w.ud2(); // 9
        w.nop(1); // 11
        w.jrcxz(function); // 12
        w.bind(function);
        w.inc_r(Width::W64, Gpr::Rax); // 14
        w.ret(); // 17
    });
    let address = |number| lab.session.address_of(CodePoint::At(id(number))).unwrap().unwrap();
    let (function, target) = (address(14), address(11));
    lab.set(move |registers| (registers.gpr.rbx, registers.gpr.rdx) = (function, target));
    lab.session.set_break(id(11), None).unwrap();
    assert_eq!(lab.run(), Event::Breakpoint { insn: id(11) });
    assert_eq!((lab.registers().gpr.rax, lab.registers().gpr.rcx), (2, function));
}

pub(crate) fn steps_count_instructions(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(Width::W64, Gpr::Rax);
        w.jmp_short(again);
    });
    lab.edit(|state| state.point = CodePoint::At(id(0)));
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(3)) });
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(0)) });
    assert_eq!(lab.step(7), Event::Step { at: CodePoint::At(id(3)) });
    assert_eq!(lab.registers().gpr.rax, 5);
    assert_eq!(lab.registers().gpr.rip, lab.session.address_of(CodePoint::At(id(3))).unwrap().unwrap());
}

pub(crate) fn a_stopped_program_goes_on(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.nop(1);
        w.inc_r(Width::W64, Gpr::Rax);
        w.nop(1);
    });
    lab.edit(|state| state.point = CodePoint::At(id(0)));
    lab.step(1);
    assert_eq!(lab.resume(), fell_off(4));
    assert_eq!(lab.registers().gpr.rax, 1);
}

pub(crate) fn nothing_runs_from_nowhere(setup: Setup) {
    let lab = Lab::new(setup);
    let nowhere = Err(ControlError::Nowhere { point: CodePoint::Nowhere });
    assert_eq!((lab.session.resume(), lab.session.step(1)), (nowhere, nowhere));
    assert_eq!(lab.session.run(id(0)), Err(ControlError::Unknown { id: id(0) }));
    lab.session.load(program(|w| w.nop(1))).unwrap();
    assert_eq!(lab.session.run(id(5)), Err(ControlError::Unknown { id: id(5) }));
    assert_eq!(lab.run(), fell_off(0));
    let exit = ExitPoint { insn: id(0), kind: ExitKind::Next };
    assert_eq!(lab.session.resume(), Err(ControlError::Nowhere { point: CodePoint::Exit(exit) }));
}

/// A program that never ends, running.
pub(crate) fn endless(setup: Setup) -> Lab {
    let lab = Lab::loaded(setup, |w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(Width::W64, Gpr::Rax);
        w.jmp_short(again);
    });
    lab.session.run(id(0)).unwrap();
    lab
}

pub(crate) fn an_endless_loop_is_interrupted(setup: Setup) {
    let lab = endless(setup);
    assert_eq!(lab.state().activity, Activity::Running);
    assert_eq!(lab.session.run(id(0)), Err(ControlError::Running));
    sleep(Duration::from_millis(5));
    lab.session.interrupt().unwrap();
    let Event::Stopped { at: CodePoint::At(at) } = lab.event() else { panic!("stopped in the loop") };
    assert!([id(0), id(3)].contains(&at));
    let rax = lab.registers().gpr.rax;
    assert!(rax > 0);
    assert_eq!(lab.registers().gpr.rax, rax, "it stands still");
    lab.session.interrupt().unwrap();
    assert_eq!(lab.session.events().try_next(), None, "there is nothing to stop");
    lab.session.resume().unwrap();
    while lab.registers().gpr.rax == rax {}
}

pub(crate) fn a_cancelled_program_is_nowhere(setup: Setup) {
    let lab = endless(setup);
    lab.session.cancel().unwrap();
    assert_eq!(lab.event(), Event::Cancelled);
    assert_eq!(lab.state().point, CodePoint::Nowhere);
    lab.session.run(id(3)).unwrap();
    assert_eq!(lab.state().activity, Activity::Running);
}

pub(crate) fn a_controller_can_be_dropped_while_its_program_runs(setup: Setup) {
    (0..10).for_each(|_| drop(endless(setup)));
}

/// Calls meet the program, its way in, its way out, or come when it has left.
pub(crate) fn calls_that_come_late_change_nothing(setup: Setup) {
    let lab = Lab::loaded(setup, |w| w.inc_r(Width::W64, Gpr::Rax));
    for round in 1..=200 {
        lab.session.run(id(0)).unwrap();
        lab.session.interrupt().unwrap();
        let mut event = lab.event();
        if let Event::Stopped { .. } = event {
            event = lab.resume();
        }
        assert_eq!(event, fell_off(0));
        assert_eq!(lab.registers().gpr.rax, round);
    }
    assert_eq!(lab.session.events().try_next(), None);
}
