//! Memory operands.
//!
//! A [`Mem`] is kept the way it is encoded, so that a form has nothing left to decide:
//!
//! ```text
//!  bits     63           48 47              16 15       8 7        0
//!          ┌───────────────┬──────────────────┬──────────┬──────────┐
//!  plain   │       0       │ disp8 / disp32   │   SIB    │  ModRM   │  (disp follows ModRM directly
//!          └───────────────┴──────────────────┴──────────┴──────────┘   when there is no SIB)
//!          ┌────────────────────────────────────────────────────────┐
//!  rip     │                 absolute target address                │  (ModRM is 05, disp32 is
//!          └────────────────────────────────────────────────────────┘   computed when emitted)
//! ```

use crate::reg::Gpr;

/// What an index register is multiplied by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Scale {
    /// × 1
    X1,
    /// × 2
    X2,
    /// × 4
    X4,
    /// × 8
    X8,
}

impl Scale {
    /// All four, smallest first.
    pub const ALL: [Self; 4] = [Self::X1, Self::X2, Self::X4, Self::X8];
}

/// The segment whose base is added to an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Segment {
    /// No override: the base is 0 in 64-bit mode.
    None = 0,
    /// FS (prefix 64).
    Fs = 0x64,
    /// GS (prefix 65).
    Gs = 0x65,
}

/// How the `bits` of an operand are meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    /// ModRM, SIB and displacement as they will stand in the code.
    Plain,
    /// The absolute target of a rip-relative operand.
    Rip,
    /// rsp was given as index.
    Illegal,
}

/// A memory operand: `segment: [base + index * scale + displacement]`, a sign-extended absolute
/// address, or an address near the code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mem {
    pub(crate) bits: u64,
    /// Bytes of ModRM, SIB and displacement.
    pub(crate) len: u8,
    /// REX.X (bit 1) and REX.B (bit 0).
    pub(crate) rex_xb: u8,
    pub(crate) segment: Segment,
    pub(crate) place: Place,
}

/// `rm` field: a SIB byte follows. As index number: no index.
const SIB: u8 = 0b100;
/// `rm` field at mod 0: rip-relative. SIB base at mod 0: no base, disp32.
const NO_BASE: u8 = 0b101;
const MOD_DISP8: u8 = 0b01 << 6;
const MOD_DISP32: u8 = 0b10 << 6;
const MOD_REG: u8 = 0b11 << 6;

impl Mem {
    /// `[base + disp]`, in the shortest encoding.
    #[must_use]
    #[inline]
    pub const fn base(base: Gpr, disp: i32) -> Self {
        let number = base.number();
        if number & 7 == SIB {
            // rsp and r12 as base are only reachable through a SIB byte without index.
            return Self::with_sib((SIB << 3) | (number & 7), number >> 3, number, disp);
        }
        let (mode, disp_bytes) = displacement_mode(number, disp);
        let bits = (mode | (number & 7)) as u64 | (disp_bits(disp, disp_bytes) << 8);
        Self::plain(bits, 1 + disp_bytes, number >> 3)
    }

    /// `[base + index * scale + disp]`, in the shortest encoding.
    ///
    /// rsp cannot be an index: the instruction that uses such an operand fails with
    /// [`EmitError::RspAsIndex`](crate::EmitError::RspAsIndex).
    #[must_use]
    #[inline]
    pub const fn base_index(base: Gpr, index: Gpr, scale: Scale, disp: i32) -> Self {
        let (b, i) = (base.number(), index.number());
        let sib = ((scale as u8) << 6) | ((i & 7) << 3) | (b & 7);
        Self::with_sib(sib, ((i >> 3) << 1) | (b >> 3), b, disp).checked(index)
    }

    /// `[index * scale + disp]`, always with a 32-bit displacement.
    ///
    /// rsp cannot be an index: the instruction that uses such an operand fails with
    /// [`EmitError::RspAsIndex`](crate::EmitError::RspAsIndex).
    #[must_use]
    pub const fn index(index: Gpr, scale: Scale, disp: i32) -> Self {
        let i = index.number();
        let sib = ((scale as u8) << 6) | ((i & 7) << 3) | NO_BASE;
        Self::without_base(sib, (i >> 3) << 1, disp).checked(index)
    }

    /// `[address]`, sign-extended to 64 bits: the lowest and the highest 2 GiB. With
    /// [`seg`](Self::seg) an offset from the segment's base.
    #[must_use]
    pub const fn abs32(address: i32) -> Self {
        Self::without_base((SIB << 3) | NO_BASE, 0, address)
    }

    /// The memory at the absolute address `target`, encoded as a displacement from the end of the
    /// instruction.
    ///
    /// The writer computes the displacement; out of ±2 GiB the instruction fails with
    /// [`EmitError::OutOfReach`](crate::EmitError::OutOfReach).
    #[must_use]
    pub const fn rip(target: u64) -> Self {
        Self { bits: target, len: 5, rex_xb: 0, segment: Segment::None, place: Place::Rip }
    }

    /// The same operand with the base of `segment` added.
    #[must_use]
    pub const fn seg(self, segment: Segment) -> Self {
        Self { segment, ..self }
    }

    /// The register with this number in the place of a memory operand (mod 11).
    pub(crate) const fn register(number: u8) -> Self {
        Self::plain((MOD_REG | (number & 7)) as u64, 1, number >> 3)
    }

    const fn plain(bits: u64, len: u8, rex_xb: u8) -> Self {
        Self { bits, len, rex_xb, segment: Segment::None, place: Place::Plain }
    }

    const fn with_sib(sib: u8, rex_xb: u8, base: u8, disp: i32) -> Self {
        let (mode, disp_bytes) = displacement_mode(base, disp);
        let bits = (mode | SIB) as u64 | ((sib as u64) << 8) | (disp_bits(disp, disp_bytes) << 16);
        Self::plain(bits, 2 + disp_bytes, rex_xb)
    }

    const fn without_base(sib: u8, rex_xb: u8, disp: i32) -> Self {
        let bits = SIB as u64 | ((sib as u64) << 8) | (disp_bits(disp, 4) << 16);
        Self::plain(bits, 6, rex_xb)
    }

    const fn checked(self, index: Gpr) -> Self {
        match index {
            Gpr::Rsp => Self { place: Place::Illegal, ..self },
            _ => self,
        }
    }
}

/// The mod bits and the displacement's size in bytes. rbp and r13 have no form without
/// displacement: their place is taken by [`NO_BASE`].
const fn displacement_mode(base: u8, disp: i32) -> (u8, u8) {
    if disp == 0 && base & 7 != NO_BASE {
        (0, 0)
    } else if disp == disp as i8 as i32 {
        (MOD_DISP8, 1)
    } else {
        (MOD_DISP32, 4)
    }
}

const fn disp_bits(disp: i32, bytes: u8) -> u64 {
    (disp as u32 as u64) & ((1 << (bytes * 8)) - 1)
}
