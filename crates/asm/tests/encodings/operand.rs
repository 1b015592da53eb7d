//! What both decoders' answers are brought to.

use midstride_asm::{Gpr, Mem, Scale, Segment, Width, Xmm};

/// Where the code lies.
pub(crate) const PC: u64 = 0x1000_0000;

/// What an address starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    /// Nothing.
    None,
    /// A register.
    Gpr(Gpr),
    /// The next instruction; the address's `disp` is then the target itself.
    Rip,
}

/// A memory operand, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) segment: Segment,
    pub(crate) base: Base,
    pub(crate) index: Option<(Gpr, Scale)>,
    pub(crate) disp: i64,
}

impl Address {
    /// The writer's operand for it.
    pub(crate) fn mem(self) -> Mem {
        let disp = self.disp as i32;
        let mem = match (self.base, self.index) {
            (Base::Rip, _) => Mem::rip(self.disp.cast_unsigned()),
            (Base::None, None) => Mem::abs32(disp),
            (Base::None, Some((index, scale))) => Mem::index(index, scale, disp),
            (Base::Gpr(base), None) => Mem::base(base, disp),
            (Base::Gpr(base), Some((index, scale))) => Mem::base_index(base, index, scale, disp),
        };
        mem.seg(self.segment)
    }
}

/// An operand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Operand {
    Gpr(Gpr, Width),
    Xmm(Xmm),
    /// With its size in bytes, 0 where the two decoders do not agree what that is.
    Memory(Address, usize),
    /// With the number of bytes that count.
    Immediate(u64, u8),
    /// Where a branch goes.
    Target(u64),
    /// Something no form should have.
    Other(String),
}

impl Operand {
    /// Whether `found` is what `self` asks for.
    pub(crate) fn agrees(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Memory(a, 0), Self::Memory(b, _)) => a == b,
            (Self::Immediate(a, bytes), Self::Immediate(b, _)) => {
                let unused = 64 - u32::from(*bytes) * 8;
                a << unused == b << unused
            }
            _ => self == found,
        }
    }
}

/// What a decoder sees.
#[derive(Clone, Debug)]
pub(crate) struct Decoded {
    pub(crate) len: usize,
    /// In Intel's notation, led in by `lock` or `rep`.
    pub(crate) mnemonic: String,
    pub(crate) operands: Vec<Operand>,
}

/// The width of this many bytes.
pub(crate) fn width_of(bytes: usize) -> Option<Width> {
    Width::ALL.into_iter().find(|width| usize::from(width.bytes()) == bytes)
}

/// The scale with this factor.
pub(crate) fn scale_of(factor: u32) -> Scale {
    Scale::ALL[factor.trailing_zeros() as usize]
}
