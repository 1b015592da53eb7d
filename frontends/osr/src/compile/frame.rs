//! The frame of a compiled function.
//!
//! ```text
//!  [rbp+16+16k]   argument k of those that did not fit into registers
//!  [rbp+8]        return address
//!  [rbp]          the caller's rbp
//!  [rbp-8]        the instance's context
//!  below          homes: of the locals, then of the operands by height
//!  [rsp+16k]      arguments for calls
//! ```
//! A home has 8 bytes, in functions that use vectors 16. A value's home never moves, so where all
//! values are at home the frame can be read, written and moved knowing only the operator.

use midstride_asm::{Gpr, Mem};

/// Offsets in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of a home.
    stride: i32,
    locals: u32,
}

/// What lies between rbp and the first home, in bytes.
const HEAD: i32 = 16;

impl Frame {
    pub(crate) fn new(locals: u32, vectors: bool) -> Self {
        Self { stride: if vectors { 16 } else { 8 }, locals }
    }

    /// Bytes of a home.
    pub(crate) fn stride(&self) -> i32 {
        self.stride
    }

    /// How many locals there are.
    pub(crate) fn locals(&self) -> u32 {
        self.locals
    }

    /// The offset from rbp of a slot's home: locals first, then operands.
    pub(crate) fn offset(&self, slot: u32) -> i32 {
        // Homes of 16 bytes are aligned: HEAD and the frame pointer are.
        let below = (slot as i32).wrapping_add(1).wrapping_mul(self.stride);
        (HEAD - 8).wrapping_add(if self.stride == 16 { 8 } else { 0 }).wrapping_add(below).wrapping_neg()
    }

    /// The home of a local.
    pub(crate) fn local(&self, local: u32) -> Mem {
        Mem::base(Gpr::Rbp, self.offset(local))
    }

    /// The home of the operand at a height.
    pub(crate) fn operand(&self, height: usize) -> Mem {
        Mem::base(Gpr::Rbp, self.offset(self.locals + height as u32))
    }

    /// Bytes below rbp, a multiple of 16, with room for `operands` and `outgoing` bytes of arguments.
    pub(crate) fn bytes(&self, operands: usize, outgoing: u32) -> i32 {
        let homes = (self.locals + operands as u32).wrapping_sub(1);
        let lowest = if homes == u32::MAX { 8 } else { -self.offset(homes) };
        (lowest + outgoing as i32 + 15) & !15
    }

    /// Where argument `k` of those in memory is in the callee's frame.
    pub(crate) fn incoming(k: u32) -> Mem {
        Mem::base(Gpr::Rbp, 16 + 16 * k as i32)
    }

    /// Where argument `k` of those in memory is put by the caller.
    pub(crate) fn outgoing(k: u32) -> Mem {
        Mem::base(Gpr::Rsp, 16 * k as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_lie_one_below_the_other_and_vectors_are_aligned() {
        let narrow = Frame::new(2, false);
        assert_eq!([0, 1, 2].map(|slot| narrow.offset(slot)), [-16, -24, -32]);
        let wide = Frame::new(2, true);
        assert_eq!([0, 1].map(|slot| wide.offset(slot)), [-32, -48]);
    }

    #[test]
    fn a_frame_holds_its_homes_and_keeps_the_stack_aligned() {
        assert_eq!(Frame::new(0, false).bytes(0, 0), 16);
        assert_eq!(Frame::new(1, false).bytes(0, 0), 16);
        assert_eq!(Frame::new(1, false).bytes(1, 0), 32);
        assert_eq!(Frame::new(1, true).bytes(1, 16), 64);
    }
}
