//! Registers and parts of them by name.

use iced_x86::Register as Iced;
use midstride_control::{F80, NoSuchValue, Registers, Value};
use midstride_frame::{Register, rflags};

use crate::error::Error;
use crate::event::Number;

/// A register, or a part of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// All of a register.
    Whole(Register),
    /// Bits of a general register.
    Bits { register: Register, shift: u32, bits: u32 },
    /// A flag.
    Flag(u64),
    /// A number in a vector register.
    Lane { register: Register, number: Number, index: usize },
}

/// Names of registers that instructions do not name.
const SPECIAL: [(&str, Register); 9] = [
    ("rip", Register::RIP),
    ("rflags", Register::RFLAGS),
    ("eflags", Register::RFLAGS),
    ("flags", Register::RFLAGS),
    ("fs_base", Register::FS_BASE),
    ("gs_base", Register::GS_BASE),
    ("mxcsr", Register::MXCSR),
    ("fcw", Register::FCW),
    ("fsw", Register::FSW),
];

const FLAGS: [(&str, u64); 8] = [
    ("cf", rflags::CF),
    ("pf", rflags::PF),
    ("af", rflags::AF),
    ("zf", rflags::ZF),
    ("sf", rflags::SF),
    ("tf", rflags::TF),
    ("df", rflags::DF),
    ("of", rflags::OF),
];

impl Part {
    /// `rax`, `eax`, `ah`, `zf`, `rflags`, `xmm3`, `st1`, `k2`, `xmm0.f32[1]`, `ymm0.u64`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim().to_ascii_lowercase();
        let unknown = || Error::unknown("register", &text);
        let Some((name, lane)) = text.split_once('.') else { return Self::named(&text).ok_or_else(unknown) };
        let (kind, index) = match lane.split_once('[') {
            Some((kind, index)) => (kind, index.strip_suffix(']').and_then(|index| index.parse().ok())),
            None => (lane, Some(0)),
        };
        let number = Number::named(kind.trim()).ok_or_else(|| Error::unknown("type", kind))?;
        let (Some(Self::Whole(register)), Some(index)) = (Self::named(name.trim()), index) else {
            return Err(unknown());
        };
        let room = vector_bytes(name).ok_or_else(unknown)?;
        let fits = (index + 1usize).checked_mul(number.bytes()).is_some_and(|end| end <= room);
        fits.then_some(Self::Lane { register, number, index }).ok_or(Error::BadValue { text })
    }

    fn named(name: &str) -> Option<Self> {
        let special = SPECIAL.iter().find(|(known, _)| *known == name).map(|(_, register)| *register);
        let flag = FLAGS.iter().find(|(known, _)| *known == name).map(|(_, bit)| Self::Flag(*bit));
        special.map(Self::Whole).or(flag).or_else(|| Self::of_iced(iced_named(name)?))
    }

    /// The register that an instruction names so.
    pub(crate) fn of_iced(iced: Iced) -> Option<Self> {
        let number = iced.number() as u8;
        if iced.is_gpr() {
            let register = Register::gpr(iced.full_register().number() as u8)?;
            let high = [Iced::AH, Iced::CH, Iced::DH, Iced::BH].contains(&iced);
            let bits = iced.size() as u32 * 8;
            return Some(match bits {
                64 => Self::Whole(register),
                bits => Self::Bits { register, shift: if high { 8 } else { 0 }, bits },
            });
        }
        let whole = match iced {
            iced if iced.is_vector_register() => Register::vector(number),
            iced if iced.is_k() => Register::mask(number),
            iced if iced.is_st() || iced.is_mm() => Register::x87(number),
            Iced::RIP => Some(Register::RIP),
            _ => None,
        };
        whole.map(Self::Whole)
    }

    /// Its value as an unsigned number, if it has at most 64 bits.
    pub(crate) fn word(self, registers: &Registers) -> Option<u64> {
        match self {
            Self::Whole(register) => match registers.get(register)? {
                Value::Word(word) => Some(word),
                _ => None,
            },
            Self::Bits { register, shift, bits } => {
                let Value::Word(word) = registers.get(register)? else { return None };
                Some(word >> shift & mask(bits))
            }
            Self::Flag(bit) => Some(u64::from(registers.gpr.rflags & bit != 0)),
            Self::Lane { .. } => None,
        }
    }

    /// The bytes of a lane, or of a whole vector register.
    pub(crate) fn lane_bytes(self, registers: &Registers) -> Option<Vec<u8>> {
        let Self::Lane { register, number, index } = self else { return None };
        let Value::Vector(vector) = registers.get(register)? else { return None };
        Some(vector.0[index * number.bytes()..][..number.bytes()].to_vec())
    }

    /// Changes it to a number, as a move would: 32 bits clear the upper half.
    pub(crate) fn set_word(self, registers: &mut Registers, word: u64) -> Result<(), Error> {
        let text = || format!("{word:#x}");
        match self {
            Self::Whole(register) => match registers.get(register) {
                Some(Value::Float(_)) => registers.set(register, Value::Float(F80::from(word as f64)))?,
                Some(Value::Vector(mut vector)) => {
                    vector.0[..16].fill(0);
                    vector.set_lane(0, word);
                    registers.set(register, Value::Vector(vector))?;
                }
                _ => registers.set(register, Value::Word(word))?,
            },
            Self::Bits { register, shift, bits } => {
                let signed = word.cast_signed() >> (bits - 1);
                let fits = word <= mask(bits) || signed == -1;
                let kept = if bits == 32 { 0 } else { old(registers, register) & !(mask(bits) << shift) };
                let new = kept | (word & mask(bits)) << shift;
                fits.then_some(()).ok_or_else(|| Error::BadValue { text: text() })?;
                registers.set(register, Value::Word(new))?;
            }
            Self::Flag(bit) if word < 2 => {
                registers.gpr.rflags = registers.gpr.rflags & !bit | if word == 1 { bit } else { 0 };
            }
            Self::Flag(_) | Self::Lane { .. } => return Err(Error::BadValue { text: text() }),
        }
        Ok(())
    }

    /// Changes it to what a text says, which is no sum: floating-point numbers, lanes.
    pub(crate) fn set_text(self, registers: &mut Registers, text: &str) -> Result<(), Error> {
        let bad = || Error::BadValue { text: text.to_owned() };
        match self {
            Self::Lane { register, number, index } => {
                let bytes = number.parse(text).ok_or_else(bad)?;
                let missing = NoSuchValue::Invalid { register };
                let Some(Value::Vector(mut vector)) = registers.get(register) else {
                    return Err(missing.into());
                };
                vector.0[index * bytes.len()..][..bytes.len()].copy_from_slice(&bytes);
                registers.set(register, Value::Vector(vector))?;
            }
            Self::Whole(register) if register.x87_number().is_some() => {
                let value: f64 = text.parse().map_err(|_| bad())?;
                registers.set(register, Value::Float(F80::from(value)))?;
            }
            _ => return Err(bad()),
        }
        Ok(())
    }

    /// The lane behind this one.
    pub(crate) fn following(self) -> Option<Self> {
        match self {
            Self::Lane { register, number, index } if (index + 2) * number.bytes() <= 64 => {
                Some(Self::Lane { register, number, index: index + 1 })
            }
            _ => None,
        }
    }
}

fn old(registers: &Registers, register: Register) -> u64 {
    match registers.get(register) {
        Some(Value::Word(word)) => word,
        _ => 0,
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// Bytes of a vector register by the name that is used.
fn vector_bytes(name: &str) -> Option<usize> {
    const WIDTHS: [(&str, usize); 3] = [("xmm", 16), ("ymm", 32), ("zmm", 64)];
    WIDTHS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, bytes)| *bytes)
}

fn iced_named(name: &str) -> Option<Iced> {
    Iced::values().find(|register| format!("{register:?}").eq_ignore_ascii_case(name))
}

/// The value of a register in an address.
pub(crate) fn word(registers: &Registers, iced: Iced) -> Option<u64> {
    Part::of_iced(iced)?.word(registers)
}

#[cfg(test)]
mod tests {
    use midstride_control::Valid;

    use super::*;

    fn registers() -> Registers {
        let mut registers = Registers::new(Valid::of_components(0xe7));
        registers.gpr.rax = 0x1122_3344_5566_7788;
        registers
    }

    #[test]
    fn parts_of_registers_are_read() {
        let registers = registers();
        let cases = [
            ("rax", 0x1122_3344_5566_7788),
            ("eax", 0x5566_7788),
            ("ax", 0x7788),
            ("ah", 0x77),
            ("al", 0x88),
        ];
        for (name, value) in cases {
            assert_eq!(Part::parse(name).unwrap().word(&registers), Some(value), "{name}");
        }
        assert_eq!(Part::parse("zf").unwrap().word(&registers), Some(0));
    }

    #[test]
    fn parts_of_registers_change_as_moves_change_them() {
        for (name, rax) in [
            ("ah", 0x1122_3344_5566_0188_u64),
            ("al", 0x1122_3344_5566_7701),
            ("ax", 0x1122_3344_5566_0001),
            ("eax", 1),
            ("rax", 1),
        ] {
            let mut registers = registers();
            Part::parse(name).unwrap().set_word(&mut registers, 1).unwrap();
            assert_eq!(registers.gpr.rax, rax, "{name}");
        }
        assert!(Part::parse("al").unwrap().set_word(&mut registers(), 256).is_err());
        assert!(Part::parse("al").unwrap().set_word(&mut registers(), u64::MAX).is_ok());
    }

    #[test]
    fn lanes_end_with_their_register() {
        assert!(Part::parse("xmm0.f32[3]").is_ok() && Part::parse("ymm0.u8[31]").is_ok());
        for text in ["xmm0.f32[4]", "xmm0.x[0]", "rax.u8", "xmm0.u8[99999999999999999999]", "nothing", ""] {
            assert!(Part::parse(text).is_err(), "{text}");
        }
        let mut registers = registers();
        Part::parse("xmm1.f32[1]").unwrap().set_text(&mut registers, "2.5").unwrap();
        assert_eq!(registers.vector[1].lane::<f32>(1), 2.5);
    }
}
