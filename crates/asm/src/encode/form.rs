//! One line of the manual's opcode column, read at compile time.
//!
//! ```text
//!  [F0] [66 | F2 | F3] [REX.W] [0F | 0F 38 | 0F 3A] opcode[+w|+r|+cc|+alu] [/r | /digit | /alu | /shift] [imm]
//!  VEX.{LZ|128|256|LIG}.{NP|66|F2|F3}.{0F|0F38|0F3A}.{W0|W1|WIG|W}    opcode        [/r | /digit] [imm]
//! ```
//!
//! Beyond the manual's own notation (Intel SDM vol. 2, 3.1.1): `+w` is the low opcode bit that tells
//! byte operands from wider ones; `+alu` adds eight times an [`Alu`](crate::Alu), `/alu` and
//! `/shift` put the operation in ModRM.reg; `W` alone is 1 for 64-bit operands; a byte behind the
//! opcode (`0F 01 D0`) is a fixed ModRM; `iz` is the opcode map's size.

use super::immediate::Imm;
use super::{InsnBits, Operands};
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
    #[inline(always)]
    pub(super) const fn append_to(self, head: InsnBits) -> InsnBits {
        match self {
            Self::None => head,
            Self::Of => head.byte(0x0f),
            Self::Of38 => head.append(0x380f, 2),
            Self::Of3a => head.append(0x3a0f, 2),
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
    /// Whether an operand width says what 66 and W are.
    pub(crate) sized: bool,
    /// Whether the opcode was read already.
    complete: bool,
}

impl Form {
    const EMPTY: Self = Self {
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
        sized: false,
        complete: false,
    };

    /// A form whose operands have one size, said by the encoding.
    ///
    /// # Panics
    /// When the text is not in the notation above; tables are constants, so that is a compile error.
    pub(crate) const fn fixed(text: &str) -> Self {
        let mut form = Self::EMPTY;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (token, tail) = split(rest, b' ');
            form = form.token(token);
            rest = tail;
        }
        assert!(form.complete, "no opcode");
        form
    }

    /// A form whose operands have the width that the caller says.
    ///
    /// # Panics
    /// As [`fixed`](Self::fixed).
    pub(crate) const fn sized(text: &str) -> Self {
        let form = Self::fixed(text);
        let wide = match (form.prefixes, form.wide) {
            (_, Wide::Always) => panic!("W cannot be both fixed and by width"),
            (Prefixes::Vex, wide) => wide,
            (Prefixes::Legacy, _) => Wide::ByWidth,
        };
        Self { sized: true, wide, ..form }
    }

    /// Whether operands of this width exist.
    #[inline(always)]
    pub(super) const fn has_width(self, width: Width) -> bool {
        match width {
            _ if !self.sized => true,
            Width::W8 => self.byte_bit,
            Width::W16 => matches!(self.prefixes, Prefixes::Legacy),
            Width::W32 | Width::W64 => true,
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

    const fn token(self, token: &[u8]) -> Self {
        match token {
            b"REX.W" => Self { wide: Wide::Always, ..self },
            b"/r" => Self { modrm: ModRm::Reg, ..self },
            b"/alu" | b"/shift" => Self { modrm: ModRm::Selected, ..self },
            b"ib" => Self { imm: Imm::Ib, ..self },
            b"iw" => Self { imm: Imm::Iw, ..self },
            b"iz" => Self { imm: Imm::Iz, ..self },
            b"io" => Self { imm: Imm::Io, ..self },
            [b'/', digit @ b'0'..=b'7'] => Self { modrm: ModRm::Digit(*digit - b'0'), ..self },
            [b'V', b'E', b'X', b'.', fields @ ..] => self.vex(fields),
            [high, low, suffix @ ..] => self.code_byte(hex(*high) << 4 | hex(*low), suffix),
            _ => panic!("unknown token"),
        }
    }

    const fn vex(self, fields: &[u8]) -> Self {
        let (length, rest) = split(fields, b'.');
        let (mandatory, rest) = split(rest, b'.');
        let (map, w) = split(rest, b'.');
        Self {
            prefixes: Prefixes::Vex,
            long: vex_length(length),
            mandatory: vex_mandatory(mandatory),
            escape: vex_map(map),
            wide: vex_w(w),
            ..self
        }
    }

    /// A byte of the opcode column: a prefix, an escape, the opcode, or a fixed ModRM.
    const fn code_byte(self, byte: u8, suffix: &[u8]) -> Self {
        match (byte, self.escape, self.complete) {
            (_, _, true) => Self { modrm: ModRm::Fixed(byte), ..self },
            (0x0f, Escape::None, _) => Self { escape: Escape::Of, ..self },
            (0x38, Escape::Of, _) if matches!(self.prefixes, Prefixes::Legacy) => {
                Self { escape: Escape::Of38, ..self }
            }
            (0x3a, Escape::Of, _) if matches!(self.prefixes, Prefixes::Legacy) => {
                Self { escape: Escape::Of3a, ..self }
            }
            (0xf0, Escape::None, _) => Self { lock: byte, ..self },
            (0x66 | 0xf2 | 0xf3, Escape::None, _) if self.mandatory == 0 => Self { mandatory: byte, ..self },
            _ => Self { opcode: byte, complete: true, ..self }.suffix(suffix),
        }
    }

    const fn suffix(self, suffix: &[u8]) -> Self {
        match suffix {
            b"" => self,
            b"+w" => Self { byte_bit: true, ..self },
            b"+r" => Self { modrm: ModRm::InOpcode, ..self },
            b"+cc" => Self { family: Family::Low, ..self },
            b"+alu" => Self { family: Family::Eights, ..self },
            b"+alu+w" => Self { family: Family::Eights, byte_bit: true, ..self },
            _ => panic!("unknown opcode suffix"),
        }
    }
}

const fn vex_length(text: &[u8]) -> bool {
    match text {
        b"LZ" | b"L0" | b"LIG" | b"128" => false,
        b"L1" | b"256" => true,
        _ => panic!("unknown VEX.L"),
    }
}

const fn vex_mandatory(text: &[u8]) -> u8 {
    match text {
        b"NP" => 0,
        [high, low] => hex(*high) << 4 | hex(*low),
        _ => panic!("unknown VEX.pp"),
    }
}

const fn vex_map(text: &[u8]) -> Escape {
    match text {
        b"0F" => Escape::Of,
        b"0F38" => Escape::Of38,
        b"0F3A" => Escape::Of3a,
        _ => panic!("unknown VEX.mmmmm"),
    }
}

const fn vex_w(text: &[u8]) -> Wide {
    match text {
        b"W0" | b"WIG" => Wide::Never,
        b"W1" => Wide::Always,
        b"W" => Wide::ByWidth,
        _ => panic!("unknown VEX.W"),
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'F' => digit - b'A' + 10,
        _ => panic!("not a hexadecimal digit"),
    }
}

/// What stands before and behind the first `separator`.
const fn split(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < text.len() && text[at] != separator {
        at += 1;
    }
    let (before, from) = text.split_at(at);
    match from {
        [] => (before, from),
        [_, behind @ ..] => (before, behind),
    }
}
