//! Programs that do what they must not. Wherever a signal comes from, the same is reported.

use midstride_asm::{Alu, Gpr, Mem, Width};
use midstride_control::{CodePoint, Controller, Event};
use midstride_frame::rflags;
use midstride_os::signal::{
    FPE_INTDIV, ILL_ILLOPN, SEGV_MAPERR, SI_KERNEL, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, TRAP_BRKPT, TRAP_TRACE,
};

use super::Setup;
use crate::lab::{Lab, fault, fell_off, id, program};

/// An address that is never mapped.
const NOTHING: u64 = 0x10;

pub(crate) fn a_wild_access_is_reported_and_can_be_mended(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.inc_r(Width::W64, Gpr::Rcx);
        w.mov_rm(Width::W64, Gpr::Rax, Mem::base(Gpr::Rbx, 8));
        w.inc_r(Width::W64, Gpr::Rdx);
    });
    lab.set(|registers| (registers.gpr.rbx, registers.gpr.rax) = (NOTHING, 5));
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.code, fault.address), (SIGSEGV, SEGV_MAPERR, NOTHING + 8));
    assert_eq!(fault.at, CodePoint::At(id(3)));
    let gpr = fault.registers.gpr;
    assert_eq!((gpr.rax, gpr.rcx, gpr.rdx, gpr.rbx), (5, 1, 0, NOTHING));
    assert_eq!(Some(gpr.rip), lab.session.address_of(fault.at).unwrap());
    assert_eq!(fault.registers, lab.registers());
    lab.set(|registers| registers.gpr.rbx = registers.gpr.rsp - 8);
    lab.session.write(gpr.rsp, &77u64.to_le_bytes()).unwrap();
    assert_eq!(lab.resume(), fell_off(7));
    assert_eq!((lab.registers().gpr.rax, lab.registers().gpr.rdx), (77, 1));
}

pub(crate) fn a_division_by_zero_is_reported(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.nop(2);
        w.bytes(&[0xf7, 0xf1]); // div ecx
    });
    let fault = lab.fault();
    let pc = lab.session.address_of(CodePoint::At(id(2))).unwrap().unwrap();
    assert_eq!((fault.signal, fault.code, fault.at), (SIGFPE, FPE_INTDIV, CodePoint::At(id(2))));
    assert_eq!(fault.address, pc);
}

pub(crate) fn undecodable_and_privileged_code_is_reported(setup: Setup) {
    let cases: [(&[u8], i32, i32); 5] = [
        (&[0x0f, 0x0b], SIGILL, ILL_ILLOPN), // ud2
        (&[0x06], SIGILL, ILL_ILLOPN),
        (&[0xf4], SIGSEGV, SI_KERNEL),             // hlt
        (&[0x0f, 0x22, 0xc0], SIGSEGV, SI_KERNEL), // mov cr0, rax
        (&[0xcd, 0x21], SIGSEGV, SI_KERNEL),       // int 21h
    ];
    let lab = Lab::new(setup);
    for (bytes, signal, code) in cases {
        lab.session.load(program(|w| w.bytes(bytes))).unwrap();
        let fault = lab.fault();
        assert_eq!((fault.signal, fault.code), (signal, code), "{bytes:02x?}");
        assert_eq!(fault.at, CodePoint::At(id(0)), "{bytes:02x?}");
        if signal == SIGILL {
            assert_eq!(fault.address, fault.registers.gpr.rip, "{bytes:02x?}");
        }
    }
}

pub(crate) fn traps_are_reported_behind_the_instruction(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.int3();
        w.inc_r(Width::W64, Gpr::Rax);
    });
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.code, fault.at), (SIGTRAP, SI_KERNEL, CodePoint::At(id(1))));
    assert_eq!(lab.resume(), fell_off(1));
    // Some hypervisors report `int1` at its own address.
    lab.session.load(program(|w| w.u8(0xf1))).unwrap();
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.code), (SIGTRAP, TRAP_BRKPT));
}

pub(crate) fn a_jump_into_nothing_is_reported_there(setup: Setup) {
    let lab = Lab::loaded(setup, |w| w.jmp_r(Gpr::Rax));
    lab.set(|registers| registers.gpr.rax = NOTHING);
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.code, fault.address), (SIGSEGV, SEGV_MAPERR, NOTHING));
    assert_eq!((fault.at, fault.registers.gpr.rip), (CodePoint::Outside(NOTHING), NOTHING));
}

pub(crate) fn a_jump_to_no_address_is_reported_at_the_jump(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.jmp_r(Gpr::Rax); // 0
        w.call_r(Gpr::Rax); // 2
        w.ret(); // 4
        w.ret_i(16); // 5
    });
    lab.set(|registers| registers.gpr.rax = 1 << 63);
    let rsp = lab.registers().gpr.rsp;
    lab.session.write(rsp, &(1u64 << 63).to_le_bytes()).unwrap();
    for insn in [0, 2, 4, 5] {
        let fault = fault(lab.run_from(insn));
        assert_eq!((fault.signal, fault.code, fault.address), (SIGSEGV, SI_KERNEL, 0), "{insn}");
        assert_eq!((fault.at, fault.registers.gpr.rsp), (CodePoint::At(id(insn)), rsp), "{insn}");
    }
    lab.edit(|state| state.point = CodePoint::Outside(1 << 63));
    let fault = fault(lab.resume());
    assert_eq!((fault.signal, fault.code, fault.at), (SIGSEGV, SI_KERNEL, CodePoint::Outside(1 << 63)));
}

pub(crate) fn data_is_not_executed(setup: Setup) {
    let lab = Lab::loaded(setup, |w| w.jmp_r(Gpr::Rsp));
    let rsp = lab.registers().gpr.rsp;
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.address), (SIGSEGV, rsp));
    assert_eq!(fault.at, CodePoint::Outside(rsp));
}

pub(crate) fn a_wrecked_stack_pointer_is_survived(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.mov_ri(Gpr::Rsp, 0x123);
        w.inc_r(Width::W64, Gpr::Rax);
        w.push_r(Gpr::Rax);
        w.call_r(Gpr::Rax);
    });
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.at), (SIGSEGV, CodePoint::At(id(8))));
    assert_eq!((fault.registers.gpr.rsp, fault.registers.gpr.rax), (0x123, 1));
    lab.edit(|state| state.point = CodePoint::At(id(9)));
    let fault = self::fault(lab.resume());
    assert_eq!((fault.at, fault.registers.gpr.rsp), (CodePoint::At(id(9)), 0x123));
}

pub(crate) fn a_stack_overflow_is_reported(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        let again = w.new_label();
        w.bind(again);
        w.push_r(Gpr::Rax);
        w.call(again);
    });
    lab.edit(|state| state.registers.gpr.rsp -= (1 << 20) - 4096);
    let fault = lab.fault();
    assert_eq!(fault.signal, SIGSEGV);
    assert!(fault.address.abs_diff(fault.registers.gpr.rsp) <= 8);
}

pub(crate) fn misalignment_is_reported_when_asked_for(setup: Setup) {
    let lab = Lab::loaded(setup, |w| w.mov_rm(Width::W64, Gpr::Rax, Mem::base(Gpr::Rsp, 1)));
    lab.set(|registers| registers.gpr.rflags |= rflags::AC);
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.at), (midstride_os::signal::SIGBUS, CodePoint::At(id(0))));
    assert!(fault.registers.gpr.rflags & rflags::AC != 0);
}

pub(crate) fn unmasked_float_exceptions_are_reported(setup: Setup) {
    // divps xmm0, xmm1
    let lab = Lab::loaded(setup, |w| w.bytes(&[0x0f, 0x5e, 0xc1]));
    lab.set(|registers| {
        registers.mxcsr = 0x1f80 & !(1 << 9);
        registers.vector[0].set_lane(0, 1.0f32);
    });
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.at), (SIGFPE, CodePoint::At(id(0))));
    assert_eq!(fault.registers.vector[0].lane::<f32>(0), 1.0);
    lab.set(|registers| registers.mxcsr = 0x1f80);
    assert_eq!(lab.resume(), fell_off(0));
    assert_eq!(lab.registers().vector[0].lane::<f32>(0), f32::INFINITY);
}

pub(crate) fn a_set_trap_flag_traps_behind_the_next_instruction(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.pushfq();
        w.alu_mi(Width::W64, Alu::Or, Mem::base(Gpr::Rsp, 0), rflags::TF as i32); // 1
        w.popfq(); // 9
        w.nop(1); // 10
        w.pushfq(); // 11
        w.pop_r(Gpr::Rax); // 12
    });
    let mut at = Vec::new();
    let mut event = lab.run();
    while let Event::Fault(fault) = event {
        assert_eq!((fault.signal, fault.code), (SIGTRAP, TRAP_TRACE));
        assert!(fault.registers.gpr.rflags & rflags::TF != 0);
        at.push(fault.at);
        event = lab.resume();
    }
    let exit = match event {
        Event::Exit(exit) => CodePoint::Exit(exit),
        other => panic!("{other}"),
    };
    // Behind `pop`, too: the trap comes before the exit.
    assert_eq!(at, [CodePoint::At(id(11)), CodePoint::At(id(12)), exit]);
    assert!(lab.registers().gpr.rax & rflags::TF != 0, "the program sees its own flag");
}

pub(crate) fn high_registers_and_vectors_are_right_at_a_fault(setup: Setup) {
    // vmovups ymm3, [0x10]
    let lab = Lab::loaded(setup, |w| w.bytes(&[0xc5, 0xfc, 0x10, 0x1c, 0x25, 0x10, 0, 0, 0]));
    lab.set(|registers| {
        registers.gpr.r15 = 15;
        registers.vector[3].set_lane(3, 0x1234u64);
        registers.mask[1] = 7;
    });
    let fault = lab.fault();
    assert_eq!((fault.signal, fault.address), (SIGSEGV, NOTHING));
    assert_eq!((fault.registers.gpr.r15, fault.registers.mask[1]), (15, 7));
    assert_eq!(fault.registers.vector[3].lane::<u64>(3), 0x1234);
}

/// Code lies in pages that only the controller can write.
pub(crate) fn stores_to_its_own_code_are_reported(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.mov_mr(Width::W64, Mem::base(Gpr::Rax, 0), Gpr::Rbx); // 0
        w.nop(1); // 3
    });
    for offset in [0, 3] {
        let own = lab.session.address_of(CodePoint::At(id(offset))).unwrap().unwrap();
        lab.set(move |registers| registers.gpr.rax = own);
        let fault = lab.fault();
        assert_eq!((fault.signal, fault.address, fault.at), (SIGSEGV, own, CodePoint::At(id(0))));
    }
    lab.edit(|state| state.point = CodePoint::At(id(3)));
    assert_eq!(lab.resume(), fell_off(3));
}
