//! The manual's opcode column, read at compile time into a [`Form`].
//!
//! ```text
//!  [F0] [66 | F2 | F3] [REX.W | REX.(W)] [0F | 0F 38 | 0F 3A] opcode[+w|+r|+cc|+alu]
//!      [/r | /digit | /alu | /shift] [imm]
//!  VEX.{LZ|128|256|LIG}.{NP|66|F2|F3}.{0F|0F38|0F3A}.{W0|W1|WIG|(W)} opcode
//!      [/r | /digit] [imm]
//! ```
//!
//! Beyond the manual's own notation (Intel SDM vol. 2, 3.1.1): `+w` is the low opcode bit that tells
//! byte operands from wider ones; `+alu` adds eight times an [`Alu`](crate::Alu), `/alu` and
//! `/shift` put the operation in ModRM.reg; `(W)` is 1 for 64-bit operands and 0 for 32-bit ones, where
//! there are no others; a byte behind the opcode (`0F 01 D0`) is a fixed ModRM; `iz` is the opcode
//! map's size.

use super::form::{Escape, Family, Form, ModRm, Prefixes, Sizing, Wide};
use super::immediate::Imm;

impl Form {
    /// A form whose operands have one size, said by the encoding.
    ///
    /// # Panics
    /// When the text is not in the notation above; tables are constants, so that is a compile error.
    pub(crate) const fn fixed(text: &str) -> Self {
        let form = Self::read(text);
        assert!(!matches!(form.wide, Wide::ByWidth), "(W) without a width");
        form
    }

    /// A form whose operands have the width that the caller says.
    ///
    /// # Panics
    /// As [`fixed`](Self::fixed).
    pub(crate) const fn sized(text: &str) -> Self {
        let form = Self::read(text);
        match (form.wide, form.prefixes) {
            (Wide::ByWidth, _) => Self { sizing: Sizing::WideBit, ..form },
            (Wide::Never, Prefixes::Legacy) => Self { sizing: Sizing::Prefixes, wide: Wide::ByWidth, ..form },
            _ => panic!("the encoding says the width already"),
        }
    }

    const fn read(text: &str) -> Self {
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

    const fn token(self, token: &[u8]) -> Self {
        match token {
            b"REX.W" => Self { wide: Wide::Always, ..self },
            b"REX.(W)" => Self { wide: Wide::ByWidth, ..self },
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
        b"(W)" => Wide::ByWidth,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reg::Width;

    #[test]
    fn prefixes_and_escapes_stand_before_the_opcode() {
        let form = Form::fixed("F3 REX.W 0F AE /2");
        assert_eq!((form.mandatory, form.opcode), (0xf3, 0xae));
        assert!(form.escape == Escape::Of && form.wide == Wide::Always && form.modrm == ModRm::Digit(2));
        assert!(Form::fixed("66 0F 3A 0F /r ib").escape == Escape::Of3a);
    }

    #[test]
    fn a_prefix_byte_can_be_the_opcode_of_a_later_map() {
        let form = Form::fixed("66 0F 66 /r");
        assert_eq!((form.mandatory, form.opcode), (0x66, 0x66));
        assert_eq!(Form::fixed("0F 38 38 /r").opcode, 0x38);
        assert_eq!(Form::fixed("VEX.128.66.0F38.WIG 38 /r").opcode, 0x38);
    }

    #[test]
    fn a_byte_behind_the_opcode_is_a_fixed_modrm() {
        assert!(Form::fixed("0F 01 D0").modrm == ModRm::Fixed(0xd0));
    }

    #[test]
    fn widths_follow_from_the_notation() {
        let has = |form: Form| Width::ALL.map(|width| form.has_width(width));
        assert_eq!(has(Form::sized("88+w /r")), [true; 4]);
        assert_eq!(has(Form::sized("0F AF /r")), [false, true, true, true]);
        assert_eq!(has(Form::sized("VEX.LZ.NP.0F38.(W) F2 /r")), [false, false, true, true]);
        assert_eq!(has(Form::sized("F2 REX.(W) 0F 2A /r")), [false, false, true, true]);
        assert_eq!(has(Form::fixed("REX.W 63 /r")), [true; 4]);
    }

    #[test]
    #[should_panic(expected = "no opcode")]
    fn a_line_without_opcode_is_refused() {
        let _ = Form::fixed("66 0F");
    }

    #[test]
    #[should_panic(expected = "unknown token")]
    fn an_unknown_token_is_refused() {
        let _ = Form::fixed("90 x");
    }

    #[test]
    #[should_panic(expected = "unknown opcode suffix")]
    fn an_unknown_suffix_is_refused() {
        let _ = Form::fixed("90+x");
    }

    #[test]
    #[should_panic(expected = "says the width already")]
    fn a_width_cannot_be_said_twice() {
        let _ = Form::sized("REX.W 89 /r");
    }

    #[test]
    #[should_panic(expected = "without a width")]
    fn a_width_cannot_be_left_open() {
        let _ = Form::fixed("VEX.LZ.NP.0F38.(W) F2 /r");
    }
}
