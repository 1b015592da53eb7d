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

    /// One byte more, unless it is 0, which no prefix is.
    #[inline(always)]
    pub(super) const fn prefix(self, byte: u8) -> Self {
        self.append(byte as u64, (byte != 0) as u32)
    }
}

/// An instruction in the parts that are known one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insn {
    /// Prefixes and opcode: 1 to 8 bytes.
    pub(super) head: Bits,
    /// `ModRM`, SIB and displacement, if there are any: at most 6 bytes.
    pub(super) operand: Bits,
    /// The immediate.
    pub(super) imm: Bits,
}

impl Insn {
    /// Bytes that are written at once: the last part starts at most 14 bytes in.
    pub(crate) const WINDOW: usize = 24;

    /// Writes its parts one over the end of the other; its length.
    #[inline(always)]
    pub(crate) fn write(self, window: &mut [u8; Self::WINDOW]) -> usize {
        let mut at = 0;
        for part in [self.head, self.operand, self.imm] {
            if part.len > 0 {
                // At most 14, as said above: the mask only tells the compiler.
                let start = at as usize & 15;
                window[start..start + 8].copy_from_slice(&part.bits.to_le_bytes());
                at += part.len;
            }
        }
        at as usize
    }
}
