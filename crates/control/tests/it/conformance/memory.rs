//! Memory of the program.

use midstride_addr::AppPc;
use midstride_asm::{Gpr, Mem, Width};
use midstride_control::{CodePoint, ControlError, Controller, Event, Program};

use super::Setup;
use crate::lab::{Lab, fell_off, id};

pub(crate) fn the_stack_is_there(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.push_i(0x1234);
        w.pop_r(Gpr::Rax);
        w.mov_mr(Width::W64, Mem::base(Gpr::Rsp, -0x8000), Gpr::Rax);
    });
    let rsp = lab.registers().gpr.rsp;
    assert_eq!(rsp % 16, 0);
    assert_eq!(lab.run(), fell_off(6));
    let mut word = [0; 8];
    lab.session.read(rsp - 0x8000, &mut word).unwrap();
    assert_eq!(u64::from_le_bytes(word), 0x1234);
    lab.session.read(rsp - 8, &mut word).unwrap();
    assert_eq!(u64::from_le_bytes(word), 0x1234);
}

pub(crate) fn memory_that_is_not_there_is_told(setup: Setup) {
    let lab = Lab::loaded(setup, |w| w.nop(1));
    let mut bytes = [7; 4];
    let nothing = Err(ControlError::Memory { address: 0x10, done: 0 });
    assert_eq!(lab.session.read(0x10, &mut bytes), nothing);
    assert_eq!(lab.session.write(0x10, &bytes), nothing);
    assert_eq!(bytes, [7; 4]);
    let code = lab.session.address_of(CodePoint::At(id(0))).unwrap().unwrap();
    lab.session.read(code, &mut bytes[..1]).unwrap();
    assert_eq!(bytes[0], 0x90);
    assert!(lab.session.write(code, &bytes).is_err(), "code is not writable");
    let end = lab.registers().gpr.rsp + 64;
    let mut much = vec![0; 128];
    let partly = Err(ControlError::Memory { address: end - 100, done: 100 });
    assert_eq!(lab.session.read(end - 100, &mut much), partly);
}

/// Something that code of this process's own can address.
static CONSTANT: u64 = 0x0123_4567_89ab_cdef;

pub(crate) fn operands_relative_to_rip_keep_their_address(setup: Setup) {
    let target = (&raw const CONSTANT).expose_provenance() as u64;
    for distance in [0x1000, 0x7000_0000, 0x7fff_0000_0000u64] {
        // mov rax, [rip]; add rax, [rip] from a pc at this distance or as near as a displacement reaches.
        let pc = target.wrapping_sub(distance.min(0x7000_0000));
        let mut program = Program::new();
        let disp = |at: u64| (target.wrapping_sub(at + 7) as i32).to_le_bytes();
        let insn = |opcode: u8, at| [&[0x48, opcode, 0x05][..], &disp(at)].concat();
        program.insert_at(id(0), &insn(0x8b, pc), AppPc::new(pc)).unwrap();
        program.insert_at(id(1), &insn(0x03, pc), AppPc::new(pc)).unwrap();
        program.link(id(0), midstride_control::Edge::Next, Some(id(1))).unwrap();
        let lab = Lab::new(setup);
        lab.session.load(program).unwrap();
        assert_eq!(lab.run(), fell_off(1));
        assert_eq!(lab.registers().gpr.rax, CONSTANT * 2);
    }
}

pub(crate) fn far_operands_use_a_register_that_nobody_misses(setup: Setup) {
    let stack = Lab::new(setup);
    let rsp = stack.registers().gpr.rsp;
    // add [rip], rax; inc rbx; call [rip]; from next to the stack, which is far from any code.
    let pc = AppPc::new(rsp - 0x2000);
    let mut program = Program::new();
    program.insert_at(id(0), &[0x48, 0x01, 0x05, 0xf9, 0x0f, 0, 0], pc).unwrap(); // rsp - 0x1000
    program.insert_at(id(1), &[0x48, 0xff, 0xc3], pc).unwrap();
    program.insert_at(id(2), &[0xff, 0x15, 0x02, 0x10, 0, 0], pc).unwrap(); // rsp - 0xff8
    program.insert(id(3), &[0x90]).unwrap();
    for n in 0..3 {
        program.link(id(n), midstride_control::Edge::Next, Some(id(n + 1))).unwrap();
    }
    stack.session.load(program).unwrap();
    let target = stack.session.address_of(CodePoint::At(id(3))).unwrap().unwrap();
    stack.session.write(rsp - 0x1000, &5u64.to_le_bytes()).unwrap();
    stack.session.write(rsp - 0xff8, &target.to_le_bytes()).unwrap();
    let fill = |gpr: Gpr| 0x100 + u64::from(gpr.number());
    stack.set(move |registers| {
        Gpr::ALL.into_iter().filter(|gpr| *gpr != Gpr::Rsp).for_each(|gpr| registers.set_gpr(gpr, fill(gpr)));
    });
    stack.edit(|state| state.point = CodePoint::At(id(0)));
    for (at, rbx) in [(1, 0x103), (2, 0x104), (3, 0x104)] {
        assert_eq!(stack.step(1), Event::Step { at: CodePoint::At(id(at)) });
        let registers = stack.registers();
        for gpr in Gpr::ALL {
            let expected = match gpr {
                Gpr::Rsp if at == 3 => rsp - 8,
                Gpr::Rsp => rsp,
                Gpr::Rbx => rbx,
                gpr => fill(gpr),
            };
            assert_eq!(registers.gpr(gpr), expected, "{gpr:?} at {at}");
        }
    }
    let mut word = [0; 8];
    stack.session.read(rsp - 0x1000, &mut word).unwrap();
    assert_eq!(u64::from_le_bytes(word), 5 + 0x100);
}

pub(crate) fn a_fault_through_a_borrowed_register_gives_it_back(setup: Setup) {
    let lab = Lab::new(setup);
    let rsp = lab.registers().gpr.rsp;
    // add [rip], eax and jmp [rip], both from the page behind the stack, which cannot be touched.
    let pc = AppPc::new(rsp + 0x100);
    let mut program = Program::new();
    program.insert_at(id(0), &[0x01, 0x05, 0, 0, 0, 0], pc).unwrap();
    program.insert_at(id(1), &[0xff, 0x25, 0, 0, 0, 0], pc).unwrap();
    lab.session.load(program).unwrap();
    let mut before = lab.registers();
    for gpr in Gpr::ALL.into_iter().filter(|gpr| *gpr != Gpr::Rsp) {
        before.set_gpr(gpr, 0x200 + u64::from(gpr.number()));
    }
    let wanted = before.clone();
    lab.set(move |registers| *registers = wanted);
    for insn in [0, 1] {
        let fault = crate::lab::fault(lab.run_from(insn));
        assert_eq!(fault.at, CodePoint::At(id(insn)));
        before.gpr.rip = fault.registers.gpr.rip;
        assert_eq!(fault.registers.changes(&before).to_string(), "", "{fault}");
    }
}
