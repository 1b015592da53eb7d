//! Single steps of instructions that make it hard.

use core::ops::ControlFlow;
use std::sync::mpsc;

use midstride_addr::AppPc;
use midstride_asm::{Cond, Gpr, Width};
use midstride_control::{Capture, CodePoint, Controller, Event, Program};
use midstride_frame::rflags;

use super::Setup;
use crate::lab::{Lab, fell_off, id};

/// Steps through code from its start, until it leaves; the points behind each step.
fn walk(lab: &Lab) -> Vec<u32> {
    lab.edit(|state| state.point = CodePoint::At(id(0)));
    let mut points = Vec::new();
    loop {
        match lab.step(1) {
            Event::Step { at: CodePoint::At(id) } => points.push(id.get()),
            Event::Exit(_) => return points,
            other => panic!("{other}"),
        }
    }
}

pub(crate) fn repeated_instructions_are_one_step(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.rep_stosb();
        w.nop(1);
    });
    lab.set(|registers| {
        registers.gpr.rcx = 1000;
        registers.gpr.rdi = registers.gpr.rsp - 2000;
    });
    assert_eq!(walk(&lab), [2]);
    assert_eq!(lab.registers().gpr.rcx, 0);
}

pub(crate) fn the_flags_that_are_pushed_do_not_show_the_step(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.pushfq(); // 0
        w.pop_r(Gpr::Rax); // 1
        w.bytes(&[0x66, 0x9c]); // 2: pushf
        w.bytes(&[0x66, 0x5b]); // 4: pop bx
        w.stc(); // 6
        w.pushfq(); // 7
        w.popfq(); // 8
        w.nop(1); // 9
    });
    assert_eq!(walk(&lab), [1, 2, 4, 6, 7, 8, 9]);
    let gpr = lab.registers().gpr;
    assert_eq!((gpr.rax, gpr.rbx), (0x202, 0x202));
    assert_eq!(gpr.rflags, 0x202 | rflags::CF);
}

pub(crate) fn stack_segment_loads_are_one_step(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.bytes(&[0x8c, 0xd0]); // 0: mov eax, ss
        w.bytes(&[0x8e, 0xd0]); // 2: mov ss, eax
        w.inc_r(Width::W64, Gpr::Rbx); // 4
        w.nop(1); // 7
    });
    assert_eq!(walk(&lab), [2, 4, 7]);
}

pub(crate) fn branches_are_stepped_both_ways(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let (over, function, end) = (w.new_label(), w.new_label(), w.new_label());
        w.jcc_short(Cond::E, over); // 0
        w.call(function); // 2
        w.bind(over);
        w.jcc_short(Cond::Ne, end); // 7
        w.bind(function);
        w.ret(); // 9
        w.bind(end);
        w.nop(1); // a
    });
    assert_eq!(walk(&lab), [2, 9, 7, 10]);
}

pub(crate) fn an_instruction_that_jumps_to_itself_is_stepped(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let here = w.new_label();
        w.bind(here);
        w.loop_(here);
        w.nop(1);
    });
    lab.set(|registers| registers.gpr.rcx = 3);
    assert_eq!(walk(&lab), [0, 0, 2]);
}

pub(crate) fn glue_between_chains_is_no_step(setup: Setup) {
    let mut program = Program::new();
    for (n, next) in [(0, 2), (1, 2), (2, 3)] {
        program.insert(id(n), &[0x90]).unwrap();
        let _ = next;
    }
    program.insert(id(3), &[0x90]).unwrap();
    for (n, next) in [(0, 2), (1, 2), (2, 3)] {
        program.link(id(n), midstride_control::Edge::Next, Some(id(next))).unwrap();
    }
    let lab = Lab::new(setup);
    lab.session.load(program).unwrap();
    lab.edit(|state| state.point = CodePoint::At(id(1)));
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(2)) });
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(3)) });
    assert_eq!(lab.step(1), fell_off(3));
}

pub(crate) fn islands_are_no_step(setup: Setup) {
    let mut program = Program::new();
    program.insert(id(0), &[0xe2, 0]).unwrap();
    program.insert(id(1), &[0xc3]).unwrap();
    program.insert(id(99), &[0x90]).unwrap();
    program.insert(id(100), &[0x90]).unwrap();
    (2..99).for_each(|n| program.insert(id(n), &[0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap());
    program.link(id(0), midstride_control::Edge::Next, Some(id(1))).unwrap();
    program.link(id(0), midstride_control::Edge::Jump, Some(id(100))).unwrap();
    let lab = Lab::new(setup);
    lab.session.load(program).unwrap();
    for (rcx, to) in [(1, 1), (5, 100)] {
        lab.edit(move |state| (state.registers.gpr.rcx, state.point) = (rcx, CodePoint::At(id(0))));
        assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(to)) });
    }
}

/// A loop with everything in it.
fn busy(setup: Setup) -> Lab {
    let lab = Lab::loaded(setup, |w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(Width::W64, Gpr::Rax); // 0
        w.bytes(&[0x0f, 0x58, 0xc1]); // 3: addps xmm0, xmm1
        w.dec_r(Width::W64, Gpr::Rcx); // 6
        w.jcc_short(Cond::Ne, again); // 9
    });
    lab.edit(|state| {
        state.registers.gpr.rcx = 100;
        state.registers.vector[1].set_lane(2, 1.0f32);
        state.point = CodePoint::At(id(0));
    });
    lab
}

pub(crate) fn a_trace_sees_every_step(setup: Setup) {
    let lab = busy(setup);
    let (seen, steps) = mpsc::channel();
    let visit = Box::new(move |step: &midstride_control::Step<'_>| {
        seen.send((step.point(), *step.gpr(), step.registers())).unwrap();
        ControlFlow::Continue(())
    });
    lab.session.trace(1000, Capture::Integer, visit).unwrap();
    assert_eq!(lab.event(), fell_off(9));
    let steps: Vec<_> = steps.iter().collect();
    assert_eq!(steps.len(), 400);
    for (n, (point, gpr, registers)) in steps.iter().enumerate().take(399) {
        assert_eq!(*point, CodePoint::At(id([3, 6, 9, 0][n % 4])));
        assert_eq!(gpr.rax, n as u64 / 4 + 1);
        assert_eq!(Some(gpr.rip), lab.session.address_of(*point).unwrap());
        assert!(registers.is_none());
    }
}

pub(crate) fn a_trace_shows_all_registers_and_can_be_ended(setup: Setup) {
    let lab = busy(setup);
    let (seen, steps) = mpsc::channel();
    let mut count = 0;
    let visit = Box::new(move |step: &midstride_control::Step<'_>| {
        seen.send(step.registers().unwrap()).unwrap();
        count += 1;
        if count == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    lab.session.trace(1000, Capture::All, visit).unwrap();
    assert_eq!(lab.event(), Event::Step { at: CodePoint::At(id(6)) });
    let steps: Vec<_> = steps.iter().collect();
    assert_eq!(steps.len(), 10);
    assert_eq!(steps[1].vector[0].lane::<f32>(2), 1.0);
    assert_eq!(steps[9].vector[0].lane::<f32>(2), 3.0);
    assert_eq!(steps[9], lab.registers());
}

pub(crate) fn code_outside_of_the_program_is_stepped(setup: Setup) {
    // A function of this process; a task of its own has it too.
    extern "C" fn twice(n: u64) -> u64 {
        core::hint::black_box(n) * 2
    }
    let lab = Lab::loaded(setup, |w| {
        w.call_r(Gpr::Rax);
        w.nop(1);
    });
    let function = twice as *const () as u64;
    lab.edit(move |state| {
        (state.registers.gpr.rax, state.registers.gpr.rdi) = (function, 21);
        state.point = CodePoint::At(id(0));
    });
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::Outside(function) });
    let mut steps = 0;
    while let Event::Step { at: CodePoint::Outside(_) } = lab.step(1) {
        steps += 1;
    }
    assert!(steps > 0);
    assert_eq!((lab.state().point, lab.registers().gpr.rax), (CodePoint::At(id(2)), 42));
    lab.set(move |registers| registers.gpr.rax = function);
    assert_eq!(lab.run(), fell_off(2), "it runs as well");
}

pub(crate) fn a_point_inside_an_instruction_is_stepped(setup: Setup) {
    // mov eax, 0x90c3ff48; inside of it: inc rbx; nop
    let program = Program::from_code(&[0xb8, 0x48, 0xff, 0xc3, 0x90, 0x90], AppPc::new(0));
    let lab = Lab::new(setup);
    lab.session.load(program).unwrap();
    lab.edit(|state| state.point = CodePoint::Inside { insn: id(0), offset: 1 });
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::Inside { insn: id(0), offset: 4 } });
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(5)) });
    assert_eq!(lab.registers().gpr.rbx, 1);
    assert_eq!(lab.resume(), fell_off(5));
}

pub(crate) fn a_step_over_a_set_trap_flag_is_a_trap(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.push_i(0x302);
        w.popfq(); // 5
        w.nop(1); // 6
        w.push_i(0x202); // 7
        w.popfq(); // c
        w.nop(1); // d
    });
    lab.edit(|state| state.point = CodePoint::At(id(0)));
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(5)) });
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(6)) });
    for at in [7, 0xc, 0xd] {
        let fault = crate::lab::fault(lab.step(1));
        assert_eq!((fault.signal, fault.code), (5, midstride_os::signal::TRAP_TRACE));
        assert_eq!(fault.at, CodePoint::At(id(at)));
    }
    assert_eq!(lab.registers().gpr.rflags, 0x202);
    assert_eq!(lab.step(1), fell_off(0xd));
}
