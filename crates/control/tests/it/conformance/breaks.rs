//! Breakpoints.

use std::thread::sleep;
use std::time::Duration;

use midstride_asm::{Cond, Gpr, Width};
use midstride_control::{CodePoint, Condition, Controller, Event, Relation};
use midstride_frame::{Register, rflags};

use super::Setup;
use super::flow::endless;
use crate::lab::{Lab, fell_off, id, jumped_out, program};

fn counting(setup: Setup) -> Lab {
    let lab = Lab::loaded(setup, |w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(Width::W64, Gpr::Rax); // 0
        w.dec_r(Width::W64, Gpr::Rcx); // 3
        w.jcc_short(Cond::Ne, again); // 6
    });
    lab.set(|registers| registers.gpr.rcx = 10);
    lab
}

fn hit(insn: u32) -> Event {
    Event::Breakpoint { insn: id(insn) }
}

pub(crate) fn a_breakpoint_stops_each_time_before_its_instruction(setup: Setup) {
    let lab = counting(setup);
    lab.session.set_break(id(3), None).unwrap();
    assert_eq!(lab.run(), hit(3));
    for round in 2..=10 {
        assert_eq!(lab.resume(), hit(3));
        assert_eq!(lab.registers().gpr.rax, round);
    }
    assert_eq!(lab.resume(), fell_off(6));
}

pub(crate) fn the_first_instruction_can_have_a_breakpoint(setup: Setup) {
    let lab = counting(setup);
    lab.session.set_break(id(0), None).unwrap();
    assert_eq!(lab.run(), hit(0));
    assert_eq!(lab.registers().gpr.rax, 0);
    assert_eq!(lab.resume(), hit(0));
    assert_eq!(lab.registers().gpr.rax, 1);
}

pub(crate) fn conditions_are_judged_at_the_breakpoint(setup: Setup) {
    let lab = counting(setup);
    let condition = |register, relation, value| Some(Condition::new(register, relation, value));
    let fourth = condition(Register::RAX, Relation::Equal, 4);
    lab.session.set_break(id(3), fourth).unwrap();
    assert_eq!(lab.run(), hit(3));
    assert_eq!(lab.registers().gpr.rcx, 7);
    lab.session.set_break(id(3), condition(Register::RCX, Relation::Below, 3)).unwrap();
    assert_eq!(lab.resume(), hit(3));
    assert_eq!(lab.registers().gpr.rcx, 2);
    let zero = Condition { mask: rflags::ZF, ..Condition::new(Register::RFLAGS, Relation::NotEqual, 0) };
    lab.session.set_break(id(6), Some(zero)).unwrap();
    lab.session.clear_break(id(3)).unwrap();
    assert_eq!(lab.resume(), hit(6));
    assert_eq!(lab.registers().gpr.rcx, 0);
    assert_eq!(lab.resume(), fell_off(6));
}

pub(crate) fn cleared_breakpoints_do_not_stop(setup: Setup) {
    let lab = counting(setup);
    lab.session.set_break(id(3), None).unwrap();
    assert_eq!(lab.run(), hit(3));
    lab.session.clear_break(id(3)).unwrap();
    assert_eq!(lab.resume(), fell_off(6));
}

pub(crate) fn steps_stop_at_breakpoints(setup: Setup) {
    let lab = counting(setup);
    lab.session.set_break(id(6), None).unwrap();
    lab.edit(|state| state.point = CodePoint::At(id(0)));
    assert_eq!(lab.step(2), hit(6), "it was reached by the last step");
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(0)) });
    assert_eq!(lab.step(100), hit(6));
    assert_eq!(lab.registers().gpr.rax, 2);
}

pub(crate) fn a_breakpoint_can_be_set_while_the_program_runs(setup: Setup) {
    let lab = endless(setup);
    sleep(Duration::from_millis(2));
    lab.session.set_break(id(3), None).unwrap();
    assert_eq!(lab.event(), hit(3));
    let rax = lab.registers().gpr.rax;
    assert_eq!(lab.resume(), hit(3));
    assert_eq!(lab.registers().gpr.rax, rax + 1);
}

pub(crate) fn a_breakpoint_on_a_trap_comes_before_the_trap(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.nop(1);
        w.int3();
    });
    lab.session.set_break(id(1), None).unwrap();
    assert_eq!(lab.run(), hit(1));
    assert!(matches!(lab.resume(), Event::Fault(_)));
}

pub(crate) fn breakpoints_on_every_kind_of_branch_let_it_work(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let (function, end, loop_) = (w.new_label(), w.new_label(), w.new_label());
        w.call(function); // 0
        w.bind(loop_);
        w.loop_(loop_); // 5
        w.jmp(end); // 7
        w.bind(function);
        w.ret(); // c
        w.bind(end);
        w.jcc_short(Cond::E, end); // d
    });
    let stops = [0, 0xc, 5, 5, 7, 0xd];
    stops.iter().for_each(|insn| lab.session.set_break(id(*insn), None).unwrap());
    lab.set(|registers| registers.gpr.rcx = 2);
    assert_eq!(lab.run(), hit(0));
    for insn in &stops[1..] {
        assert_eq!(lab.resume(), hit(*insn));
    }
    assert_eq!(lab.resume(), fell_off(0xd));
}

pub(crate) fn breakpoints_outlive_the_instruction(setup: Setup) {
    let lab = counting(setup);
    lab.session.set_break(id(3), None).unwrap();
    lab.session.load(program(|w| w.jmp_r(Gpr::Rax))).unwrap();
    lab.session
        .load(program(|w| {
            w.nop(3);
            w.bytes(&[0x74, 0x10]);
        }))
        .unwrap();
    assert_eq!(lab.run(), hit(3));
    lab.set(|registers| registers.gpr.rflags |= rflags::ZF);
    assert_eq!(lab.resume(), jumped_out(3));
}
