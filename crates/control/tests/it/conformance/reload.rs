//! Programs that are replaced, running or not.

use std::thread::sleep;
use std::time::Duration;

use midstride_asm::{Gpr, Width};
use midstride_control::{
    CodePoint, ControlError, Controller, Edge, Event, ExitKind, ExitPoint, InsnId, LoadError, Program,
};

use super::Setup;
use crate::lab::{Lab, fell_off, id, program};

/// A circle of instructions with these identities.
fn circle(insns: &[(u32, &[u8])]) -> Program {
    let mut program = Program::new();
    insns.iter().for_each(|(number, bytes)| program.insert(id(*number), bytes).unwrap());
    for (n, (from, _)) in insns.iter().enumerate() {
        let to = insns[(n + 1) % insns.len()].0;
        program.link(id(*from), Edge::Next, Some(id(to))).unwrap();
    }
    program
}

const INC_RAX: &[u8] = &[0x48, 0xff, 0xc0];
const INC_RBX: &[u8] = &[0x48, 0xff, 0xc3];
const INC_RCX: &[u8] = &[0x48, 0xff, 0xc1];
const NOP: &[u8] = &[0x90];

fn running(setup: Setup, program: Program, from: u32) -> Lab {
    let lab = Lab::new(setup);
    lab.session.load(program).unwrap();
    lab.session.run(id(from)).unwrap();
    lab
}

pub(crate) fn a_running_program_goes_on_in_the_new_one(setup: Setup) {
    let lab = running(setup, circle(&[(1, INC_RAX), (2, NOP)]), 1);
    for round in 0..50u64 {
        let (bytes, register): (_, fn(&Lab) -> u64) = match round % 2 {
            0 => (INC_RBX, |lab| lab.registers().gpr.rbx),
            _ => (INC_RCX, |lab| lab.registers().gpr.rcx),
        };
        let before = register(&lab);
        lab.session.load(circle(&[(1, bytes), (2, NOP), (3, NOP)])).unwrap();
        while register(&lab) == before {}
    }
    assert_eq!(lab.session.events().try_next(), None, "it never stopped");
}

pub(crate) fn a_kept_instruction_is_where_it_was(setup: Setup) {
    let lab = running(setup, circle(&[(1, INC_RAX), (2, NOP)]), 1);
    lab.session.interrupt().unwrap();
    let Event::Stopped { at } = lab.event() else { panic!("stopped") };
    lab.session.load(circle(&[(7, NOP), (2, INC_RBX), (1, INC_RCX)])).unwrap();
    assert_eq!(lab.state().point, at);
    assert_eq!(Some(lab.registers().gpr.rip), lab.session.address_of(at).unwrap());
}

pub(crate) fn a_removed_instruction_goes_on_with_the_next_that_is_kept(setup: Setup) {
    let all = [(1, INC_RAX), (2, INC_RBX), (3, NOP), (4, INC_RCX)];
    let lab = Lab::new(setup);
    lab.session.load(circle(&all)).unwrap();
    lab.edit(|state| state.point = CodePoint::At(id(2)));
    lab.session.load(circle(&[(1, INC_RAX), (4, INC_RCX)])).unwrap();
    assert_eq!(lab.state().point, CodePoint::At(id(4)));
}

pub(crate) fn a_removed_instruction_without_successor_exits(setup: Setup) {
    let lab = running(setup, circle(&[(1, INC_RAX), (2, NOP)]), 1);
    sleep(Duration::from_millis(1));
    lab.session.load(circle(&[(5, INC_RAX)])).unwrap();
    let Event::Exit(exit) = lab.event() else { panic!("exit") };
    assert_eq!(exit.kind, ExitKind::Body);
    assert!([id(1), id(2)].contains(&exit.insn));
    assert_eq!(lab.state().point, CodePoint::Exit(exit));
    assert_eq!(lab.session.resume(), Err(ControlError::Nowhere { point: CodePoint::Exit(exit) }));
}

pub(crate) fn return_addresses_lead_to_the_new_program(setup: Setup) {
    // call f; nop (or inc rax); .. f: inc rbx; jmp f (or ret)
    let version = |f: &[u8], behind: &[u8]| {
        let mut program = Program::new();
        program.insert(id(1), &[0xe8, 0, 0, 0, 0]).unwrap();
        program.insert(id(2), behind).unwrap();
        program.insert(id(3), INC_RBX).unwrap();
        program.insert(id(4), f).unwrap();
        program.link(id(1), Edge::Jump, Some(id(3))).unwrap();
        program.link(id(1), Edge::Next, Some(id(2))).unwrap();
        program.link(id(3), Edge::Next, Some(id(4))).unwrap();
        if f[0] == 0xeb {
            program.link(id(4), Edge::Jump, Some(id(3))).unwrap();
        }
        program
    };
    let lab = running(setup, version(&[0xeb, 0], NOP), 1);
    while lab.registers().gpr.rbx == 0 {}
    // Through several programs, to see that the way is found through all of them.
    for _ in 0..5 {
        lab.session.load(version(&[0xeb, 0], NOP)).unwrap();
    }
    lab.session.load(version(&[0xc3], INC_RAX)).unwrap();
    assert_eq!(lab.event(), fell_off(2));
    assert_eq!(lab.registers().gpr.rax, 1);
}

pub(crate) fn an_exit_that_got_an_edge_goes_on(setup: Setup) {
    let lab = Lab::loaded(setup, |w| w.inc_r(Width::W64, Gpr::Rax));
    assert_eq!(lab.run(), fell_off(0));
    lab.session
        .load(program(|w| {
            w.inc_r(Width::W64, Gpr::Rax);
            w.inc_r(Width::W64, Gpr::Rbx);
        }))
        .unwrap();
    assert_eq!(lab.state().point, CodePoint::Exit(ExitPoint { insn: id(0), kind: ExitKind::Next }));
    assert_eq!(lab.resume(), fell_off(3));
    assert_eq!((lab.registers().gpr.rax, lab.registers().gpr.rbx), (1, 1));
}

pub(crate) fn a_program_that_cannot_be_assembled_changes_nothing(setup: Setup) {
    let lab = running(setup, circle(&[(1, INC_RAX), (2, NOP)]), 1);
    let bad = Program::from_code(&[0x90, 0x66, 0xeb, 0x00], Default::default());
    assert!(matches!(lab.session.load(bad), Err(LoadError::Assemble(error)) if error.id() == id(1)));
    let before = lab.registers().gpr.rax;
    while lab.registers().gpr.rax == before {}
}

pub(crate) fn large_programs_are_replaced_while_they_run(setup: Setup) {
    let large = |step: &'static [u8]| {
        let insns: Vec<(u32, &[u8])> =
            (0..3000).map(|n| (n, if n == 2999 { INC_RAX } else { step })).collect();
        circle(&insns)
    };
    let lab = running(setup, large(NOP), 0);
    for round in 0..10 {
        lab.session.load(large(if round % 2 == 0 { INC_RBX } else { NOP })).unwrap();
    }
    let before = lab.registers().gpr.rax;
    while lab.registers().gpr.rax == before {}
}

pub(crate) fn more_programs_than_are_remembered_can_be_loaded(setup: Setup) {
    let lab = running(setup, circle(&[(1, INC_RAX), (2, NOP)]), 1);
    for round in 0..60u32 {
        let extra = InsnId::new(10 + round);
        lab.session.load(circle(&[(1, INC_RAX), (2, NOP), (extra.get(), NOP)])).unwrap();
    }
    lab.session.interrupt().unwrap();
    assert!(matches!(lab.event(), Event::Stopped { at: CodePoint::At(_) }));
}
