//! Registers, in and out.

use midstride_asm::{Gpr, Width};
use midstride_control::{CodePoint, Event, Vector};
use midstride_frame::{Register, rflags};

use super::Setup;
use crate::lab::{Lab, fell_off, id};

pub(crate) fn every_general_register_goes_in_and_comes_out(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        Gpr::ALL.into_iter().for_each(|gpr| w.not_r(Width::W64, gpr));
    });
    let value = |gpr: Gpr| 0x0101_0101_0101_0101 * (u64::from(gpr.number()) + 1);
    lab.set(move |registers| Gpr::ALL.into_iter().for_each(|gpr| registers.set_gpr(gpr, value(gpr))));
    assert_eq!(lab.run(), fell_off(45));
    let registers = lab.registers();
    for gpr in Gpr::ALL {
        assert_eq!(registers.gpr(gpr), !value(gpr), "{gpr:?}");
    }
}

pub(crate) fn flags_go_in_and_come_out(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.cmc();
        w.pushfq();
        w.pop_r(Gpr::Rax);
    });
    for flags in [0, rflags::ARITHMETIC, rflags::DF, rflags::OF | rflags::ZF, rflags::AC | rflags::CF] {
        lab.set(move |registers| registers.gpr.rflags = flags);
        assert_eq!(lab.run(), fell_off(2));
        let expected = flags ^ rflags::CF | 0x202;
        assert_eq!((lab.registers().gpr.rflags, lab.registers().gpr.rax), (expected, expected), "{flags:x}");
    }
}

pub(crate) fn every_vector_register_goes_in_and_comes_out(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.bytes(&[0x0f, 0x28, 0xc1]); // movaps xmm0, xmm1
        w.nop(1);
    });
    let valid = lab.registers().valid;
    let count = if valid.contains(Register::vector(16).unwrap()) { 32 } else { 16 };
    let value = move |number: usize| {
        let mut vector = Vector::default();
        (0..valid.vector_bytes()).for_each(|byte| vector.0[byte] = (number * 7 + byte) as u8);
        vector
    };
    lab.set(move |registers| {
        (0..count).for_each(|number| registers.vector[number] = value(number));
        registers.mask = core::array::from_fn(|n| n as u64 + 0x8000_0000_0000_0001);
        registers.mxcsr = 0x9fc0;
        registers.x87.st[0] = 1.5.into();
        registers.x87.control = 0x27f;
        registers.x87.in_use = 0x80;
        registers.x87.status = 7 << 11;
    });
    let before = lab.registers();
    assert_eq!(lab.run(), fell_off(3));
    let mut expected = before;
    expected.vector[0].0[..16].copy_from_slice(&value(1).0[..16]);
    expected.gpr.rip = lab.registers().gpr.rip;
    assert_eq!(lab.registers(), expected);
}

/// The processor notices that all vector registers are as after a reset, and says so instead of storing them.
pub(crate) fn rounding_survives_empty_vector_registers(setup: Setup) {
    let lab = Lab::loaded(setup, |w| {
        w.bytes(&[0xc5, 0xfc, 0x77]); // vzeroall
        w.bytes(&[0x0f, 0x10, 0x04, 0x24]); // movups xmm0, [rsp]
    });
    lab.set(|registers| registers.mxcsr = 0xfd80);
    lab.edit(|state| state.point = CodePoint::At(id(0)));
    assert!(matches!(lab.step(1), Event::Step { .. }));
    assert_eq!(lab.registers().mxcsr, 0xfd80);
    assert_eq!(lab.step(1), fell_off(3));
    assert_eq!(lab.registers().mxcsr, 0xfd80);
}
