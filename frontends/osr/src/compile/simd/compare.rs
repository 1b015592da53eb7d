//! Comparisons: all ones where they hold.

use midstride_asm::{Cond, FloatCompare, Writer, Xmm};

use super::{Order, Two};
use crate::compile::function::Function;
use crate::compile::regs::{SCRATCH_X, SCRATCH_X2};
use crate::types::ValType::V128;

/// A comparison of floats by a number.
pub(crate) type FloatTwo<'b> = fn(&mut Writer<'b>, Xmm, Xmm, Xmm, FloatCompare);

/// Whether the answer is what the instruction says or the contrary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Same,
    Contrary,
}

impl<'b> Function<'_, 'b> {
    pub(crate) fn v_compare(&mut self, order: Order, answer: Answer, instruction: Two<'b>) {
        let (dst, a, b) = self.pop_pair();
        match order {
            Order::Kept => instruction(&mut self.w, dst, a, b),
            Order::Swapped => instruction(&mut self.w, dst, b, a),
        }
        self.v_turn(answer, dst);
        self.finish_pair(dst, b);
    }

    fn v_turn(&mut self, answer: Answer, dst: Xmm) {
        if answer == Answer::Contrary {
            self.v_ones(SCRATCH_X);
            self.w.vpxor_xxx(dst, dst, SCRATCH_X);
        }
    }

    /// Unsigned lanes: `a` is the extreme of both, or it is not.
    pub(crate) fn v_compare_unsigned(&mut self, answer: Answer, extreme: Two<'b>, equal: Two<'b>) {
        let (dst, a, b) = self.pop_pair();
        extreme(&mut self.w, SCRATCH_X2, a, b);
        equal(&mut self.w, dst, SCRATCH_X2, a);
        self.v_turn(answer, dst);
        self.finish_pair(dst, b);
    }

    pub(crate) fn v_compare_float(
        &mut self,
        order: Order,
        predicate: FloatCompare,
        instruction: FloatTwo<'b>,
    ) {
        let (dst, a, b) = self.pop_pair();
        match order {
            Order::Kept => instruction(&mut self.w, dst, a, b, predicate),
            Order::Swapped => instruction(&mut self.w, dst, b, a, predicate),
        }
        self.finish_pair(dst, b);
    }

    pub(crate) fn v_any_true(&mut self) {
        let a = self.pop_xmm();
        self.w.vptest_xx(a, a);
        self.release_x(a);
        self.push_flags(Cond::Ne);
    }

    pub(crate) fn v_all_true(&mut self, equal: Two<'b>) {
        let a = self.pop_xmm();
        self.v_zero(SCRATCH_X);
        equal(&mut self.w, SCRATCH_X, SCRATCH_X, a);
        self.w.vptest_xx(SCRATCH_X, SCRATCH_X);
        self.release_x(a);
        self.push_flags(Cond::E);
    }

    pub(crate) fn v_bitmask(&mut self, bits: u8) {
        self.v_to_i32(|w, dst, a| match bits {
            8 => w.vpmovmskb_rx(dst, a),
            16 => {
                w.vpacksswb_xxx(SCRATCH_X, a, a);
                w.vpmovmskb_rx(dst, SCRATCH_X);
                w.movzx_rr8(dst, dst);
            }
            32 => w.movmskps_rx(dst, a),
            _ => w.movmskpd_rx(dst, a),
        });
    }

    pub(crate) fn v_swizzle(&mut self) {
        let (dst, a, b) = self.pop_pair();
        // From 16 on the top bit is set, which makes the byte 0.
        self.v_load_constant(SCRATCH_X, super::splat(0x70, 8));
        self.w.vpaddusb_xxx(SCRATCH_X, SCRATCH_X, b);
        self.w.vpshufb_xxx(dst, a, SCRATCH_X);
        self.release_x(b);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_shuffle(&mut self, lanes: [u8; 16]) {
        let (dst, a, b) = self.pop_pair();
        let pick = |from: u8| lanes.map(|lane| if lane & 0x10 == from { lane & 0x0f } else { 0x80 });
        self.v_load_constant(SCRATCH_X, u128::from_le_bytes(pick(0)));
        self.w.vpshufb_xxx(SCRATCH_X, a, SCRATCH_X);
        self.v_load_constant(SCRATCH_X2, u128::from_le_bytes(pick(0x10)));
        self.w.vpshufb_xxx(SCRATCH_X2, b, SCRATCH_X2);
        self.w.vpor_xxx(dst, SCRATCH_X, SCRATCH_X2);
        self.finish_pair(dst, b);
    }
}
