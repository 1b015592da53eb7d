//! Arithmetic on floats in lanes.

use midstride_asm::{FloatCompare, Rounding, Writer, Xmm};

use super::compare::FloatTwo;
use super::{Numbered, Two};
use crate::compile::function::Function;
use crate::compile::regs::{SCRATCH_X, SCRATCH_X2};
use crate::types::ValType::V128;

/// The instructions for floats of one width.
#[derive(Clone, Copy)]
pub(crate) struct Floats<'b> {
    pub(crate) min: Two<'b>,
    pub(crate) max: Two<'b>,
    pub(crate) sub: Two<'b>,
    pub(crate) compare: FloatTwo<'b>,
    pub(crate) shift_right: Numbered<'b>,
    /// Bits from the top of a lane to the end of what a canonical NaN has set.
    pub(crate) nan_bits: u8,
}

/// Four lanes of 32 bits.
pub(crate) fn f32x4<'b>() -> Floats<'b> {
    Floats {
        min: Writer::vminps_xxx,
        max: Writer::vmaxps_xxx,
        sub: Writer::vsubps_xxx,
        compare: Writer::vcmpps_xxxi,
        shift_right: Writer::vpsrld_xxi,
        nan_bits: 10,
    }
}

/// Two lanes of 64 bits.
pub(crate) fn f64x2<'b>() -> Floats<'b> {
    Floats {
        min: Writer::vminpd_xxx,
        max: Writer::vmaxpd_xxx,
        sub: Writer::vsubpd_xxx,
        compare: Writer::vcmppd_xxxi,
        shift_right: Writer::vpsrlq_xxi,
        nan_bits: 13,
    }
}

impl<'b> Function<'_, 'b> {
    pub(crate) fn v_round(&mut self, mode: Rounding, instruction: fn(&mut Writer<'b>, Xmm, Xmm, Rounding)) {
        let (dst, a) = self.pop_one();
        instruction(&mut self.w, dst, a, mode);
        self.push_xmm(V128, dst);
    }

    /// The instruction answers its second operand for NaNs and zeros: asked both ways and joined, it has
    /// the sign of -0 and the bits of NaNs.
    pub(crate) fn v_float_min(&mut self, floats: Floats<'b>) {
        let (dst, a, b) = self.pop_pair();
        (floats.min)(&mut self.w, SCRATCH_X, a, b);
        (floats.min)(&mut self.w, SCRATCH_X2, b, a);
        self.w.vpor_xxx(SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        (floats.compare)(&mut self.w, SCRATCH_X2, SCRATCH_X2, SCRATCH_X, FloatCompare::Unordered);
        self.w.vpor_xxx(SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        self.v_canonical_nans(floats, dst);
        self.finish_pair(dst, b);
    }

    /// As [`v_float_min`](Self::v_float_min); +0 is where the answers differ in sign, which the
    /// subtraction takes away.
    pub(crate) fn v_float_max(&mut self, floats: Floats<'b>) {
        let (dst, a, b) = self.pop_pair();
        (floats.max)(&mut self.w, SCRATCH_X, a, b);
        (floats.max)(&mut self.w, SCRATCH_X2, b, a);
        self.w.vpxor_xxx(SCRATCH_X2, SCRATCH_X2, SCRATCH_X);
        self.w.vpor_xxx(SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        (floats.sub)(&mut self.w, SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        (floats.compare)(&mut self.w, SCRATCH_X2, SCRATCH_X2, SCRATCH_X, FloatCompare::Unordered);
        self.v_canonical_nans(floats, dst);
        self.finish_pair(dst, b);
    }

    /// Clears the payloads of [`SCRATCH_X`]'s lanes where [`SCRATCH_X2`] is all ones.
    fn v_canonical_nans(&mut self, floats: Floats<'b>, dst: Xmm) {
        (floats.shift_right)(&mut self.w, SCRATCH_X2, SCRATCH_X2, floats.nan_bits);
        self.w.vpandn_xxx(dst, SCRATCH_X2, SCRATCH_X);
    }
}
