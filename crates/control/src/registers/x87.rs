//! x87 registers.

use core::fmt;

/// State of the x87 unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct X87 {
    /// Control word.
    pub control: u16,
    /// Status word; bits 11 to 13 are the top of the stack.
    pub status: u16,
    /// Which physical registers hold a value: bit *n* is register *n*, not st(n).
    pub in_use: u8,
    /// Opcode of the last instruction that was not a control instruction.
    pub opcode: u16,
    /// Address of that instruction. Many processors keep it only while an exception is pending.
    pub instruction: u64,
    /// Address of its operand.
    pub operand: u64,
    /// st(0) to st(7).
    pub st: [F80; 8],
}

impl Default for X87 {
    /// As after `fninit`.
    fn default() -> Self {
        let st = [F80::default(); 8];
        Self { control: 0x37f, status: 0, in_use: 0, opcode: 0, instruction: 0, operand: 0, st }
    }
}

/// An 80-bit floating-point number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct F80 {
    /// The significand with its explicit leading bit.
    pub significand: u64,
    /// The sign in bit 15, the biased exponent below.
    pub sign_exponent: u16,
}

const EXPONENT: u16 = 0x7fff;
const BIAS: i32 = 16383;

impl F80 {
    /// From its 10 bytes in memory.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 10]) -> Self {
        let [a, b, c, d, e, f, g, h, low, high] = bytes;
        Self {
            significand: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            sign_exponent: u16::from_le_bytes([low, high]),
        }
    }

    /// Its 10 bytes in memory.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.significand.to_le_bytes());
        bytes[8..].copy_from_slice(&self.sign_exponent.to_le_bytes());
        bytes
    }

    /// The nearest `f64`, or one next to it: for display. Numbers too small for a normal `f64` become zero.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let sign = u64::from(self.sign_exponent >> 15) << 63;
        let exponent = self.sign_exponent & EXPONENT;
        if exponent == EXPONENT {
            let fraction = (self.significand << 1) >> 12;
            return f64::from_bits(sign | 0x7ff << 52 | fraction);
        }
        // Rounded to 53 bits; a carry out of them goes to the exponent.
        let rounded = (self.significand >> 11) + (self.significand >> 10 & 1);
        let scale = i32::from(exponent) - BIAS + 1023;
        match scale {
            _ if self.significand >> 63 == 0 => f64::from_bits(sign),
            ..=0 => f64::from_bits(sign),
            2047.. => f64::from_bits(sign | 0x7ff << 52),
            _ => f64::from_bits(sign | (((scale as u64) << 52) + (rounded - (1 << 52)))),
        }
    }
}

impl From<f64> for F80 {
    /// Exact, but for numbers too small for a normal `f64`, which become zero.
    fn from(value: f64) -> Self {
        let bits = value.to_bits();
        let sign = ((bits >> 63) as u16) << 15;
        let fraction = bits << 12 >> 1;
        match (bits >> 52 & 0x7ff) as i32 {
            0 => Self { significand: 0, sign_exponent: sign },
            0x7ff => Self { significand: 1 << 63 | fraction, sign_exponent: sign | EXPONENT },
            exponent => Self {
                significand: 1 << 63 | fraction,
                sign_exponent: sign | (exponent - 1023 + BIAS) as u16,
            },
        }
    }
}

impl fmt::Display for F80 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}_{:016x} ({:?})", self.sign_exponent, self.significand, self.to_f64())
    }
}

impl fmt::Debug for F80 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_survive_the_way_there_and_back() {
        for value in [0.0, -0.0, 1.0, -2.5, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, core::f64::consts::PI]
        {
            assert_eq!(F80::from(value).to_f64().to_bits(), value.to_bits(), "{value:?}");
        }
        assert!(F80::from(f64::NAN).to_f64().is_nan());
    }

    #[test]
    fn one_is_what_fld1_loads() {
        let one = F80::from(1.0);
        assert_eq!((one.sign_exponent, one.significand), (0x3fff, 1 << 63));
        assert_eq!(F80::from_bytes(one.to_bytes()), one);
    }

    #[test]
    fn numbers_beyond_doubles_are_infinite_or_zero() {
        let huge = F80 { significand: u64::MAX, sign_exponent: 0x7ffe };
        assert_eq!(huge.to_f64(), f64::INFINITY);
        let rounded_up = F80 { significand: u64::MAX, sign_exponent: 0x3fff };
        assert_eq!(rounded_up.to_f64(), 2.0);
        let tiny = F80 { significand: 1 << 63, sign_exponent: 1 };
        assert_eq!(tiny.to_f64(), 0.0);
    }
}
