//! Between integers and floats.

use midstride_asm::{Alu, Cond, Gpr, LooseLabel, Shift, Width, Xmm};

use super::function::Function;
use super::int::int;
use super::regs::{SCRATCH, SCRATCH_X, SCRATCH_X2};
use crate::trap::Check;
use crate::types::ValType;

/// Whether an integer has a sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signedness {
    Signed,
    Unsigned,
}

/// What becomes of a float that no integer is near.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OutOfRange {
    Trap,
    Saturate,
}

/// A conversion of a float to an integer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truncation {
    pub(crate) from: ValType,
    pub(crate) to: Width,
    pub(crate) sign: Signedness,
    pub(crate) out: OutOfRange,
}

impl Truncation {
    /// The bits of the first float that is too large.
    fn upper(self) -> u64 {
        let bits = u32::from(self.to.bits()) - u32::from(self.sign == Signedness::Signed);
        let bound = 2f64.powi(bits.cast_signed());
        self.encode(bound)
    }

    /// The bits of the last float that is too small, or the first one that is not: see `inclusive`.
    fn lower(self) -> (u64, Cond) {
        match (self.sign, self.to, self.from) {
            (Signedness::Unsigned, _, _) => (self.encode(-1.0), Cond::Be),
            // -2147483649 is no f32, so everything below -2147483648 is too small.
            (Signedness::Signed, Width::W32, ValType::F64) => (self.encode(-2_147_483_649.0), Cond::Be),
            (Signedness::Signed, _, _) => (self.encode(-(2f64.powi(i32::from(self.to.bits()) - 1))), Cond::B),
        }
    }

    fn encode(self, value: f64) -> u64 {
        if self.from == ValType::F32 { (value as f32).to_bits().into() } else { value.to_bits() }
    }

    /// What saturation makes of values that are too small and too large.
    fn limits(self) -> (u64, u64) {
        match (self.sign, self.to) {
            (Signedness::Signed, Width::W32) => (1 << 31, (1 << 31) - 1),
            (Signedness::Signed, _) => (1 << 63, (1 << 63) - 1),
            (Signedness::Unsigned, Width::W32) => (0, 0xffff_ffff),
            (Signedness::Unsigned, _) => (0, u64::MAX),
        }
    }
}

impl Function<'_, '_> {
    pub(crate) fn convert(&mut self, from: Width, sign: Signedness, to: ValType) {
        let value = self.pop_gpr();
        let dst = self.xmm();
        // The instruction leaves the rest of its destination: clear it, so as not to wait for it.
        self.w.xorps_xx(dst, dst);
        match (from, sign) {
            (Width::W64, Signedness::Unsigned) => self.convert_u64(value, dst, to),
            // A u32 is an i64, and registers hold it so.
            (_, Signedness::Unsigned) => self.convert_signed(Width::W64, value, dst, to),
            _ => self.convert_signed(from, value, dst, to),
        }
        self.release(value);
        self.push_xmm(to, dst);
    }

    fn convert_signed(&mut self, from: Width, value: Gpr, dst: Xmm, to: ValType) {
        match to {
            ValType::F32 => self.w.cvtsi2ss_xr(from, dst, value),
            _ => self.w.cvtsi2sd_xr(from, dst, value),
        }
    }

    /// Numbers with the top bit are halved, the lost bit kept for rounding, and doubled.
    fn convert_u64(&mut self, value: Gpr, dst: Xmm, to: ValType) {
        let half = self.gpr();
        let [mut large, mut done] = [LooseLabel::new(), LooseLabel::new()];
        self.w.test_rr(Width::W64, value, value);
        self.w.jcc_loose_short(Cond::S, &mut large);
        self.convert_signed(Width::W64, value, dst, to);
        self.w.jmp_loose_short(&mut done);
        self.w.bind_loose(&mut large);
        self.w.mov_rr(Width::W64, half, value);
        self.w.mov_rr(Width::W32, SCRATCH, value);
        self.w.shift_ri(Width::W64, Shift::Shr, half, 1);
        self.w.alu_ri(Width::W32, Alu::And, SCRATCH, 1);
        self.w.alu_rr(Width::W64, Alu::Or, half, SCRATCH);
        self.convert_signed(Width::W64, half, dst, to);
        match to {
            ValType::F32 => self.w.addss_xx(dst, dst),
            _ => self.w.addsd_xx(dst, dst),
        }
        self.w.bind_loose(&mut done);
        self.release(half);
    }

    pub(crate) fn truncate(&mut self, what: Truncation) {
        let value = self.pop_xmm();
        let dst = self.gpr();
        match what.out {
            OutOfRange::Trap => self.check_range(what, value),
            OutOfRange::Saturate => {}
        }
        let mut done = LooseLabel::new();
        if what.out == OutOfRange::Saturate {
            self.saturate(what, value, dst, &mut done);
        }
        self.truncate_in_range(what, value, dst);
        self.w.bind_loose(&mut done);
        self.release_x(value);
        self.push_gpr(int(what.to), dst);
    }

    /// Compares with a constant: flags of `value` to it.
    fn compare_with(&mut self, from: ValType, value: Xmm, bits: u64) {
        self.w.mov_ri(SCRATCH, bits);
        self.w.movq_xr(SCRATCH_X, SCRATCH);
        match from {
            ValType::F32 => self.w.ucomiss_xx(value, SCRATCH_X),
            _ => self.w.ucomisd_xx(value, SCRATCH_X),
        }
    }

    fn check_range(&mut self, what: Truncation, value: Xmm) {
        self.compare_with(what.from, value, what.upper());
        self.trap_if(Cond::P, Check::BadConversion);
        self.trap_if(Cond::Ae, Check::IntegerOverflow);
        let (lower, too_small) = what.lower();
        self.compare_with(what.from, value, lower);
        self.trap_if(too_small, Check::IntegerOverflow);
    }

    /// Puts the answer for values out of range into `dst` and goes to `done` with it.
    fn saturate(&mut self, what: Truncation, value: Xmm, dst: Gpr, done: &mut LooseLabel) {
        let (least, most) = what.limits();
        self.compare_with(what.from, value, what.upper());
        self.w.mov_ri(dst, 0);
        self.w.jcc_loose(Cond::P, done);
        self.w.mov_ri(dst, most);
        self.w.jcc_loose(Cond::Ae, done);
        let (lower, too_small) = what.lower();
        self.compare_with(what.from, value, lower);
        self.w.mov_ri(dst, least);
        self.w.jcc_loose(too_small, done);
    }

    fn truncate_in_range(&mut self, what: Truncation, value: Xmm, dst: Gpr) {
        match (what.sign, what.to) {
            (Signedness::Signed, width) => self.truncate_signed(what.from, width, value, dst),
            (_, Width::W64) => self.truncate_u64(what.from, value, dst),
            _ => {
                self.truncate_signed(what.from, Width::W64, value, dst);
                self.w.mov_rr(Width::W32, dst, dst);
            }
        }
    }

    fn truncate_signed(&mut self, from: ValType, to: Width, value: Xmm, dst: Gpr) {
        match from {
            ValType::F32 => self.w.cvttss2si_rx(to, dst, value),
            _ => self.w.cvttsd2si_rx(to, dst, value),
        }
    }

    /// Values from 2^63 on are brought below it, and their top bit is set afterwards.
    fn truncate_u64(&mut self, from: ValType, value: Xmm, dst: Gpr) {
        let [mut large, mut done] = [LooseLabel::new(), LooseLabel::new()];
        let top = 2f64.powi(63);
        let bits = if from == ValType::F32 { (top as f32).to_bits().into() } else { top.to_bits() };
        self.compare_with(from, value, bits);
        self.w.jcc_loose_short(Cond::Ae, &mut large);
        self.truncate_signed(from, Width::W64, value, dst);
        self.w.jmp_loose_short(&mut done);
        self.w.bind_loose(&mut large);
        match from {
            ValType::F32 => self.w.vsubss_xxx(SCRATCH_X2, value, SCRATCH_X),
            _ => self.w.vsubsd_xxx(SCRATCH_X2, value, SCRATCH_X),
        }
        self.truncate_signed(from, Width::W64, SCRATCH_X2, dst);
        self.w.mov_ri(SCRATCH, 1 << 63);
        self.w.alu_rr(Width::W64, Alu::Xor, dst, SCRATCH);
        self.w.bind_loose(&mut done);
    }
}
