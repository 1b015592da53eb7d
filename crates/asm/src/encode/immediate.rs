//! The immediate at the end of an instruction.

use super::{Bits, Site};
use crate::error::EmitError;
use crate::reg::Width;

/// Size of an immediate, in the notation of the manual's opcode map (Intel SDM vol. 2, A.2.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imm {
    /// None.
    None,
    /// `ib`: one byte.
    Ib,
    /// `iw`: two bytes.
    Iw,
    /// `iz`: as wide as the operand, but four bytes (sign-extended) for an eight-byte one.
    Iz,
    /// `io`: eight bytes.
    Io,
}

impl Imm {
    #[inline(always)]
    pub(super) const fn bytes(self, width: Width) -> u32 {
        match self {
            Self::None => 0,
            Self::Ib => 1,
            Self::Iw => 2,
            Self::Iz => match width {
                Width::W8 => 1,
                Width::W16 => 2,
                Width::W32 | Width::W64 => 4,
            },
            Self::Io => 8,
        }
    }
}

/// The lowest `bytes` of `value`, which may be a signed or an unsigned number of that size.
#[inline(always)]
pub(super) fn bits(value: i64, bytes: u32, site: Site) -> Result<Bits, EmitError> {
    if bytes == 0 {
        return Ok(Bits::EMPTY);
    }
    let unused = 64 - bytes * 8;
    let field = value.cast_unsigned() << unused >> unused;
    let signed = value << unused >> unused;
    if signed != value && field != value.cast_unsigned() {
        return Err(EmitError::ImmediateTooWide { at: site.at, value, field_bytes: bytes as u8 });
    }
    Ok(Bits { bits: field, len: bytes })
}
