//! Operators on vectors.
//!
//! Most are one instruction, or a few with both scratch registers; which ones, the tables in [`table`]
//! say.

mod compare;
mod convert;
mod float;
mod integer;
mod lanes;
mod loads;
mod table;

use midstride_asm::{Gpr, Mem, Writer, Xmm};

use super::function::Function;
use super::regs::SCRATCH;
use crate::types::ValType::V128;

/// An instruction with two sources.
pub(crate) type Two<'b> = fn(&mut Writer<'b>, Xmm, Xmm, Xmm);
/// An instruction with one source.
pub(crate) type One<'b> = fn(&mut Writer<'b>, Xmm, Xmm);
/// An instruction with a source and a number.
pub(crate) type Numbered<'b> = fn(&mut Writer<'b>, Xmm, Xmm, u8);

/// Which operand comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Kept,
    Swapped,
}

impl<'b> Function<'_, 'b> {
    /// The two topmost vectors, and a register for the result, which may be the first one's.
    fn pop_pair(&mut self) -> (Xmm, Xmm, Xmm) {
        let b = self.pop_xmm();
        let a = self.pop_xmm();
        (self.reuse_x(a), a, b)
    }

    /// The topmost vector, and a register for the result, which may be the same.
    fn pop_one(&mut self) -> (Xmm, Xmm) {
        let a = self.pop_xmm();
        (self.reuse_x(a), a)
    }

    fn finish_pair(&mut self, dst: Xmm, b: Xmm) {
        self.release_x(b);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_two(&mut self, order: Order, instruction: Two<'b>) {
        let (dst, a, b) = self.pop_pair();
        match order {
            Order::Kept => instruction(&mut self.w, dst, a, b),
            Order::Swapped => instruction(&mut self.w, dst, b, a),
        }
        self.finish_pair(dst, b);
    }

    pub(crate) fn v_one(&mut self, instruction: One<'b>) {
        let (dst, a) = self.pop_one();
        instruction(&mut self.w, dst, a);
        self.push_xmm(V128, dst);
    }

    /// Sets all bits.
    pub(crate) fn v_ones(&mut self, reg: Xmm) {
        self.w.vpcmpeqd_xxx(reg, reg, reg);
    }

    pub(crate) fn v_zero(&mut self, reg: Xmm) {
        self.w.vpxor_xxx(reg, reg, reg);
    }

    /// Loads 16 bytes that stand behind the code.
    pub(crate) fn v_load_constant(&mut self, reg: Xmm, bits: u128) {
        match bits {
            0 => return self.v_zero(reg),
            u128::MAX => return self.v_ones(reg),
            _ => {}
        }
        let index = self.constant_place(bits);
        self.w.lea_loose(SCRATCH, &mut self.constants[index].1);
        self.w.movups_xm(reg, Mem::base(SCRATCH, 0));
    }

    pub(crate) fn v_constant(&mut self, bits: u128) {
        let dst = self.xmm();
        self.v_load_constant(dst, bits);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_not(&mut self) {
        let (dst, a) = self.pop_one();
        self.v_ones(super::regs::SCRATCH_X);
        self.w.vpxor_xxx(dst, a, super::regs::SCRATCH_X);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_bitselect(&mut self) {
        use super::regs::{SCRATCH_X, SCRATCH_X2};
        let mask = self.pop_xmm();
        let (dst, a, b) = self.pop_pair();
        self.w.vpand_xxx(SCRATCH_X, a, mask);
        self.w.vpandn_xxx(SCRATCH_X2, mask, b);
        self.w.vpor_xxx(dst, SCRATCH_X, SCRATCH_X2);
        self.release_x(mask);
        self.finish_pair(dst, b);
    }

    /// An i32 made from the topmost vector.
    fn v_to_i32(&mut self, make: impl FnOnce(&mut Writer<'b>, Gpr, Xmm)) {
        let a = self.pop_xmm();
        let dst = self.gpr();
        make(&mut self.w, dst, a);
        self.release_x(a);
        self.push_gpr(crate::types::ValType::I32, dst);
    }
}

/// 16 bytes with `lane` in each lane of its size.
pub(crate) const fn splat(lane: u64, bits: u32) -> u128 {
    let mut all = 0;
    let mut shift = 0;
    while shift < 128 {
        all |= (lane as u128) << shift;
        shift += bits;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::splat;

    #[test]
    fn a_splat_fills_every_lane() {
        assert_eq!(splat(0x0f, 8), 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f);
        assert_eq!(splat(1, 64), 0x0000_0000_0000_0001_0000_0000_0000_0001);
    }
}
