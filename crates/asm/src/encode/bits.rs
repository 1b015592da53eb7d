//! The bytes of an instruction, collected in registers.

/// Up to 8 bytes, the first one lowest: a part of an instruction or a short one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits {
    pub(crate) bits: u64,
    pub(crate) len: u32,
}

impl Bits {
    pub(crate) const EMPTY: Self = Self { bits: 0, len: 0 };

    /// Behind at most 7 bytes so far, the lowest `len` bytes of `bits`; the rest of `bits` must be 0.
    #[inline(always)]
    pub(crate) const fn append(self, bits: u64, len: u32) -> Self {
        Self { bits: self.bits | bits << (self.len * 8), len: self.len + len }
    }

    /// One byte more.
    #[inline(always)]
    pub(crate) const fn byte(self, byte: u8) -> Self {
        self.append(byte as u64, 1)
    }

    /// One byte in front of at most 7, unless it is 0, which no prefix is.
    #[inline(always)]
    pub(super) const fn prefix(self, byte: u8) -> Self {
        if byte == 0 { self } else { Self { bits: self.bits << 8 | byte as u64, len: self.len + 1 } }
    }
}

/// An instruction in the parts that are known one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insn {
    /// Prefixes and opcode: 1 to 8 bytes.
    pub(crate) head: Bits,
    /// `ModRM`, SIB and displacement, if there are any: at most 6 bytes.
    pub(crate) operand: Bits,
    /// The immediate.
    pub(crate) imm: Bits,
}

impl Insn {
    /// Bytes that are written at once: the last part starts at most 14 bytes in.
    pub(crate) const WINDOW: usize = 24;

    /// Writes its parts one over the end of the other; its length.
    #[inline(always)]
    pub(crate) fn write(self, window: &mut [u8; Self::WINDOW]) -> usize {
        let Self { head, operand, imm } = self;
        put(window, 0, head);
        put(window, head.len, operand);
        let at = head.len + operand.len;
        if imm.len > 0 {
            put(window, at, imm);
        }
        (at + imm.len) as usize
    }
}

/// Writes a part at most 14 bytes in: the mask only tells the compiler.
#[inline(always)]
fn put(window: &mut [u8; Insn::WINDOW], at: u32, part: Bits) {
    let start = at as usize & 15;
    window[start..start + 8].copy_from_slice(&part.bits.to_le_bytes());
}
