//! Arithmetic on integer lanes that is more than one instruction.

use midstride_asm::{Alu, Shift, Width};

use super::{Numbered, One, Two, splat};
use crate::compile::function::Function;
use crate::compile::regs::{SCRATCH, SCRATCH_X, SCRATCH_X2};
use crate::types::ValType::V128;

/// Which half of a vector is widened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    Low,
    High,
}

impl<'b> Function<'_, 'b> {
    pub(crate) fn v_negate(&mut self, subtract: Two<'b>) {
        let (dst, a) = self.pop_one();
        self.v_zero(SCRATCH_X);
        subtract(&mut self.w, dst, SCRATCH_X, a);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_abs64(&mut self) {
        let (dst, a) = self.pop_one();
        self.v_zero(SCRATCH_X);
        self.w.vpcmpgtq_xxx(SCRATCH_X, SCRATCH_X, a);
        self.w.vpxor_xxx(dst, a, SCRATCH_X);
        self.w.vpsubq_xxx(dst, dst, SCRATCH_X);
        self.push_xmm(V128, dst);
    }

    /// Counts the bits of each half of a byte by a table.
    pub(crate) fn v_popcnt(&mut self) {
        const COUNTS: u128 = u128::from_le_bytes([0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4]);
        let a = self.pop_xmm();
        let dst = self.xmm();
        self.v_load_constant(SCRATCH_X, splat(0x0f, 8));
        self.w.vpandn_xxx(SCRATCH_X2, SCRATCH_X, a);
        self.w.vpand_xxx(dst, a, SCRATCH_X);
        self.w.vpsrlw_xxi(SCRATCH_X2, SCRATCH_X2, 4);
        self.v_load_constant(SCRATCH_X, COUNTS);
        self.w.vpshufb_xxx(SCRATCH_X2, SCRATCH_X, SCRATCH_X2);
        self.w.vpshufb_xxx(dst, SCRATCH_X, dst);
        self.w.vpaddb_xxx(dst, dst, SCRATCH_X2);
        self.release_x(a);
        self.push_xmm(V128, dst);
    }

    // Shifts.

    /// Takes a shift count into [`SCRATCH`].
    fn pop_count(&mut self, bits: u8) {
        let count = self.pop_gpr();
        self.w.mov_rr(Width::W32, SCRATCH, count);
        self.w.alu_ri(Width::W32, Alu::And, SCRATCH, i32::from(bits - 1));
        self.release(count);
    }

    pub(crate) fn v_shift(&mut self, bits: u8, instruction: Two<'b>) {
        self.pop_count(bits);
        self.w.movd_xr(SCRATCH_X, SCRATCH);
        let (dst, a) = self.pop_one();
        instruction(&mut self.w, dst, a, SCRATCH_X);
        self.push_xmm(V128, dst);
    }

    /// Bytes are shifted as words, and what came over from the neighbour is cleared.
    pub(crate) fn v_shift8(&mut self, op: Shift) {
        self.pop_count(8);
        self.w.movd_xr(SCRATCH_X, SCRATCH);
        let (dst, a) = self.pop_one();
        let mask = self.gpr();
        self.w.mov_ri(mask, 0xff);
        if op == Shift::Shl {
            self.w.shlx_rrr(Width::W32, mask, mask, SCRATCH);
            self.w.vpsllw_xxx(dst, a, SCRATCH_X);
        } else {
            self.w.shrx_rrr(Width::W32, mask, mask, SCRATCH);
            self.w.vpsrlw_xxx(dst, a, SCRATCH_X);
        }
        self.w.movd_xr(SCRATCH_X, mask);
        self.w.vpbroadcastb_xx(SCRATCH_X, SCRATCH_X);
        self.w.vpand_xxx(dst, dst, SCRATCH_X);
        self.release(mask);
        self.push_xmm(V128, dst);
    }

    /// Bytes with a sign are shifted as the upper halves of words.
    pub(crate) fn v_shift8_signed(&mut self) {
        self.pop_count(8);
        self.w.alu_ri(Width::W32, Alu::Add, SCRATCH, 8);
        self.w.movd_xr(SCRATCH_X, SCRATCH);
        let (dst, a) = self.pop_one();
        self.w.vpunpckhbw_xxx(SCRATCH_X2, a, a);
        self.w.vpunpcklbw_xxx(dst, a, a);
        self.w.vpsraw_xxx(SCRATCH_X2, SCRATCH_X2, SCRATCH_X);
        self.w.vpsraw_xxx(dst, dst, SCRATCH_X);
        self.w.vpacksswb_xxx(dst, dst, SCRATCH_X2);
        self.push_xmm(V128, dst);
    }

    /// `((a >> n) ^ m) - m`, where m is the sign bit moved as far.
    pub(crate) fn v_shift64_signed(&mut self) {
        self.pop_count(64);
        self.w.movd_xr(SCRATCH_X, SCRATCH);
        let (dst, a) = self.pop_one();
        self.v_ones(SCRATCH_X2);
        self.w.vpsllq_xxi(SCRATCH_X2, SCRATCH_X2, 63);
        self.w.vpsrlq_xxx(SCRATCH_X2, SCRATCH_X2, SCRATCH_X);
        self.w.vpsrlq_xxx(dst, a, SCRATCH_X);
        self.w.vpxor_xxx(dst, dst, SCRATCH_X2);
        self.w.vpsubq_xxx(dst, dst, SCRATCH_X2);
        self.push_xmm(V128, dst);
    }

    // Widening.

    pub(crate) fn v_extend(&mut self, half: Half, widen: One<'b>) {
        let (dst, a) = self.pop_one();
        self.v_widen(half, widen, dst, a);
        self.push_xmm(V128, dst);
    }

    fn v_widen(&mut self, half: Half, widen: One<'b>, dst: midstride_asm::Xmm, a: midstride_asm::Xmm) {
        match half {
            Half::Low => widen(&mut self.w, dst, a),
            Half::High => {
                self.w.vpunpckhqdq_xxx(dst, a, a);
                widen(&mut self.w, dst, dst);
            }
        }
    }

    pub(crate) fn v_extmul(&mut self, half: Half, widen: One<'b>, multiply: Two<'b>) {
        let (dst, a, b) = self.pop_pair();
        self.v_widen(half, widen, SCRATCH_X, a);
        self.v_widen(half, widen, SCRATCH_X2, b);
        multiply(&mut self.w, dst, SCRATCH_X, SCRATCH_X2);
        self.finish_pair(dst, b);
    }

    /// Sums of neighbours, as a product with ones.
    pub(crate) fn v_extadd(&mut self, order: super::Order, one: u128, multiply: Two<'b>) {
        let (dst, a) = self.pop_one();
        self.v_load_constant(SCRATCH_X, one);
        match order {
            super::Order::Kept => multiply(&mut self.w, dst, a, SCRATCH_X),
            super::Order::Swapped => multiply(&mut self.w, dst, SCRATCH_X, a),
        }
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_extadd16_unsigned(&mut self) {
        let (dst, a) = self.pop_one();
        self.w.vpslld_xxi(SCRATCH_X, a, 16);
        self.w.vpsrld_xxi(SCRATCH_X, SCRATCH_X, 16);
        self.w.vpsrld_xxi(dst, a, 16);
        self.w.vpaddd_xxx(dst, dst, SCRATCH_X);
        self.push_xmm(V128, dst);
    }

    // Products.

    /// Only -1 times -1 is out of range.
    pub(crate) fn v_q15mulr(&mut self) {
        let (dst, a, b) = self.pop_pair();
        self.w.vpmulhrsw_xxx(SCRATCH_X2, a, b);
        self.v_load_constant(SCRATCH_X, splat(0x8000, 16));
        self.w.vpcmpeqw_xxx(SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        self.w.vpxor_xxx(dst, SCRATCH_X2, SCRATCH_X);
        self.finish_pair(dst, b);
    }

    pub(crate) fn v_mul64(&mut self) {
        let (dst, a, b) = self.pop_pair();
        self.w.vpsrlq_xxi(SCRATCH_X, a, 32);
        self.w.vpmuludq_xxx(SCRATCH_X, SCRATCH_X, b);
        self.w.vpsrlq_xxi(SCRATCH_X2, b, 32);
        self.w.vpmuludq_xxx(SCRATCH_X2, SCRATCH_X2, a);
        self.w.vpaddq_xxx(SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        self.w.vpsllq_xxi(SCRATCH_X, SCRATCH_X, 32);
        self.w.vpmuludq_xxx(dst, a, b);
        self.w.vpaddq_xxx(dst, dst, SCRATCH_X);
        self.finish_pair(dst, b);
    }

    /// All ones, shifted, as a mask for `combine`.
    pub(crate) fn v_masked(&mut self, shift: Numbered<'b>, count: u8, combine: Two<'b>) {
        let (dst, a) = self.pop_one();
        self.v_ones(SCRATCH_X);
        shift(&mut self.w, SCRATCH_X, SCRATCH_X, count);
        combine(&mut self.w, dst, a, SCRATCH_X);
        self.push_xmm(V128, dst);
    }
}
