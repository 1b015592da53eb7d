//! Names of registers.

use core::fmt;

/// One register of a thread, as one byte.
///
/// A vector register stands for all its widths: xmm3, ymm3 and zmm3 are [`Register::vector`]`(3)`.
///
/// ```
/// use midstride_frame::Register;
///
/// assert_eq!(Register::gpr(4), Some(Register::RSP));
/// assert_eq!(Register::RSP.gpr_number(), Some(4));
/// assert_eq!(Register::vector(31).unwrap().to_string(), "zmm31");
/// assert_eq!(Register::vector(32), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Register(u8);

/// First vector register.
const VECTOR: u8 = 32;
/// First mask register.
const MASK: u8 = 64;
/// First x87 register.
const X87: u8 = 72;

macro_rules! named {
    ($($name:ident = $number:literal $text:literal;)*) => {
        impl Register {
            $(
                #[doc = concat!("`", $text, "`.")]
                pub const $name: Self = Self($number);
            )*
        }

        /// Names of the registers below [`VECTOR`], in order.
        const NAMES: &[&str] = &[$($text),*];
    };
}

named! {
    RAX = 0 "rax";
    RCX = 1 "rcx";
    RDX = 2 "rdx";
    RBX = 3 "rbx";
    RSP = 4 "rsp";
    RBP = 5 "rbp";
    RSI = 6 "rsi";
    RDI = 7 "rdi";
    R8 = 8 "r8";
    R9 = 9 "r9";
    R10 = 10 "r10";
    R11 = 11 "r11";
    R12 = 12 "r12";
    R13 = 13 "r13";
    R14 = 14 "r14";
    R15 = 15 "r15";
    RIP = 16 "rip";
    RFLAGS = 17 "rflags";
    FS_BASE = 18 "fs_base";
    GS_BASE = 19 "gs_base";
    MXCSR = 20 "mxcsr";
    FCW = 21 "fcw";
    FSW = 22 "fsw";
}

impl Register {
    /// How many general registers there are.
    pub const GPRS: u8 = 16;
    /// How many vector registers there are (AVX-512).
    pub const VECTORS: u8 = 32;

    /// The general register with this hardware number: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 ..
    #[must_use]
    pub const fn gpr(number: u8) -> Option<Self> {
        Self::nth(0, Self::GPRS, number)
    }

    /// xmm, ymm, zmm with this number.
    #[must_use]
    pub const fn vector(number: u8) -> Option<Self> {
        Self::nth(VECTOR, Self::VECTORS, number)
    }

    /// k0 to k7.
    #[must_use]
    pub const fn mask(number: u8) -> Option<Self> {
        Self::nth(MASK, 8, number)
    }

    /// st(0) to st(7).
    #[must_use]
    pub const fn x87(number: u8) -> Option<Self> {
        Self::nth(X87, 8, number)
    }

    const fn nth(first: u8, count: u8, number: u8) -> Option<Self> {
        if number < count { Some(Self(first + number)) } else { None }
    }

    /// Its hardware number, when it is a general register.
    #[must_use]
    pub const fn gpr_number(self) -> Option<u8> {
        self.number_in(0, Self::GPRS)
    }

    /// Its number, when it is a vector register.
    #[must_use]
    pub const fn vector_number(self) -> Option<u8> {
        self.number_in(VECTOR, Self::VECTORS)
    }

    /// Its number, when it is a mask register.
    #[must_use]
    pub const fn mask_number(self) -> Option<u8> {
        self.number_in(MASK, 8)
    }

    /// Its number, when it is an x87 register.
    #[must_use]
    pub const fn x87_number(self) -> Option<u8> {
        self.number_in(X87, 8)
    }

    const fn number_in(self, first: u8, count: u8) -> Option<u8> {
        if self.0 >= first && self.0 - first < count { Some(self.0 - first) } else { None }
    }

    /// The byte that stands for it, for tables.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// The register a byte from [`to_byte`](Self::to_byte) stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        let named = (byte as usize) < NAMES.len();
        if named || (byte >= VECTOR && byte < X87 + 8) { Some(Self(byte)) } else { None }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < VECTOR => f.pad(NAMES[n as usize]),
            n if n < MASK => numbered(f, "zmm", n - VECTOR),
            n if n < X87 => numbered(f, "k", n - MASK),
            n => numbered(f, "st", n - X87),
        }
    }
}

/// A name with a number below 100, padded as a whole.
fn numbered(f: &mut fmt::Formatter<'_>, kind: &str, number: u8) -> fmt::Result {
    let digits = if number < 10 { 1 } else { 2 };
    let rest = f.width().unwrap_or(0).saturating_sub(kind.len() + digits);
    write!(f, "{kind}{number}{:rest$}", "")
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn every_byte_is_one_register_or_none() {
        let all: Vec<Register> = (0..=255).filter_map(Register::from_byte).collect();
        assert_eq!(all.len(), 23 + 32 + 8 + 8);
        assert!(all.iter().all(|r| Register::from_byte(r.to_byte()) == Some(*r)));
        let names: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn names_are_padded_to_a_column() {
        let name = |register| std::format!("{register:6}|");
        assert_eq!(name(Register::RAX), "rax   |");
        assert_eq!(name(Register::vector(31).unwrap()), "zmm31 |");
        assert_eq!(name(Register::x87(0).unwrap()), "st0   |");
    }

    #[test]
    fn numbers_belong_to_one_class() {
        for register in (0..=255).filter_map(Register::from_byte) {
            let numbers = [
                register.gpr_number().and_then(Register::gpr),
                register.vector_number().and_then(Register::vector),
                register.mask_number().and_then(Register::mask),
                register.x87_number().and_then(Register::x87),
            ];
            assert!(numbers.iter().flatten().count() <= 1);
            assert!(numbers.iter().flatten().all(|r| *r == register));
        }
    }
}
