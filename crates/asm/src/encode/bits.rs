//! The bytes of one instruction, collected in a register.

/// Up to 15 bytes of machine code, the first one lowest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InsnBits {
    pub(crate) bits: u128,
    pub(crate) len: u32,
}

impl InsnBits {
    pub(crate) const EMPTY: Self = Self { bits: 0, len: 0 };

    /// Behind the bytes so far, the lowest `len` bytes of `bits`; the rest of `bits` must be 0.
    #[inline(always)]
    pub(crate) const fn append(self, bits: u64, len: u32) -> Self {
        Self { bits: self.bits | ((bits as u128) << (self.len * 8)), len: self.len + len }
    }

    /// One byte more.
    #[inline(always)]
    pub(crate) const fn byte(self, byte: u8) -> Self {
        self.append(byte as u64, 1)
    }
}

/// Prefixes and opcode, of which there are at most 8 bytes: one register holds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadBits {
    bits: u64,
    len: u32,
}

impl HeadBits {
    pub(super) const EMPTY: Self = Self { bits: 0, len: 0 };

    /// As [`InsnBits::append`], behind at most 7 bytes.
    #[inline(always)]
    pub(super) const fn append(self, bits: u64, len: u32) -> Self {
        Self { bits: self.bits | bits << (self.len * 8), len: self.len + len }
    }

    /// One byte more.
    #[inline(always)]
    pub(super) const fn byte(self, byte: u8) -> Self {
        self.append(byte as u64, 1)
    }

    /// One byte more, unless it is 0, which no prefix is.
    #[inline(always)]
    pub(super) const fn prefix(self, byte: u8) -> Self {
        self.append(byte as u64, (byte != 0) as u32)
    }

    /// The start of an instruction.
    #[inline(always)]
    pub(super) const fn insn(self) -> InsnBits {
        InsnBits { bits: self.bits as u128, len: self.len }
    }
}
