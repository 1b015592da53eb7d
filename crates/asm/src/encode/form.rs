//! An encoding: what the manual's opcode column says, taken apart.

use super::Bits;
use super::Operands;
use super::immediate::Imm;
use crate::reg::Width;

/// Which kind of prefix the instruction has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefixes {
    Legacy,
    Vex,
}

/// The opcode map; the values are those of VEX.mmmmm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    None = 0,
    Of = 1,
    Of38 = 2,
    Of3a = 3,
}

impl Escape {
    /// Its bytes.
    #[inline(always)]
    pub(super) const fn bits(self) -> Bits {
        match self {
            Self::None => Bits::EMPTY,
            Self::Of => Bits::EMPTY.byte(0x0f),
            Self::Of38 => Bits::EMPTY.append(0x380f, 2),
            Self::Of3a => Bits::EMPTY.append(0x3a0f, 2),
        }
    }
}

/// What stands behind the opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModRm {
    /// Nothing.
    None,
    /// Nothing; the register is in the opcode.
    InOpcode,
    /// A byte that belongs to the opcode.
    Fixed(u8),
    /// ModRM with a register.
    Reg,
    /// ModRM with a part of the opcode.
    Digit(u8),
    /// ModRM with the operation of a family.
    Selected,
}

/// What the selector does to the opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    None,
    /// `+cc`
    Low,
    /// `+alu`
    Eights,
}

/// Where the W bit comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wide {
    Never,
    Always,
    /// 1 for 64-bit operands.
    ByWidth,
}

/// What says how wide the operands are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sizing {
    /// The opcode.
    Opcode,
    /// The opcode's `+w` bit, prefix 66 and W, as the caller wants it.
    Prefixes,
    /// W, as the caller wants it: 32 or 64 bits.
    WideBit,
}

/// An encoding.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) prefixes: Prefixes,
    /// F0 or 0.
    pub(crate) lock: u8,
    /// 66, F2, F3, or 0.
    pub(crate) mandatory: u8,
    pub(crate) escape: Escape,
    pub(crate) opcode: u8,
    /// `+w`
    pub(crate) byte_bit: bool,
    pub(crate) family: Family,
    pub(crate) modrm: ModRm,
    pub(crate) wide: Wide,
    /// VEX.L
    pub(crate) long: bool,
    pub(crate) imm: Imm,
    pub(crate) sizing: Sizing,
    /// Whether the opcode was read already.
    pub(super) complete: bool,
}

impl Form {
    pub(super) const EMPTY: Self = Self {
        prefixes: Prefixes::Legacy,
        lock: 0,
        mandatory: 0,
        escape: Escape::None,
        opcode: 0,
        byte_bit: false,
        family: Family::None,
        modrm: ModRm::None,
        wide: Wide::Never,
        long: false,
        imm: Imm::None,
        sizing: Sizing::Opcode,
        complete: false,
    };

    /// Whether operands of this width exist.
    #[inline(always)]
    pub(super) const fn has_width(self, width: Width) -> bool {
        match (self.sizing, width) {
            (Sizing::Opcode, _) | (_, Width::W32 | Width::W64) => true,
            (_, Width::W8) => self.byte_bit,
            (sizing, Width::W16) => matches!(sizing, Sizing::Prefixes),
        }
    }

    #[inline(always)]
    pub(super) const fn wide_for(self, width: Width) -> bool {
        match self.wide {
            Wide::Never => false,
            Wide::Always => true,
            Wide::ByWidth => matches!(width, Width::W64),
        }
    }

    /// The opcode with everything that is folded into it.
    #[inline(always)]
    pub(super) const fn opcode_for(self, width: Width, ops: &Operands) -> u8 {
        let byte_bit = (self.byte_bit && !matches!(width, Width::W8)) as u8;
        let register = if matches!(self.modrm, ModRm::InOpcode) { ops.reg & 7 } else { 0 };
        let family = match self.family {
            Family::None => 0,
            Family::Low => ops.select,
            Family::Eights => ops.select << 3,
        };
        self.opcode | byte_bit | register | family
    }
}
