//! Operands to try.

use std::sync::LazyLock;

use midstride_asm::{FloatCompare, Gpr, Rounding, Scale, Segment, Xmm};

use crate::operand::{Address, Base, Operand, PC};

/// A type of argument: the values to try, and how decoders should show them.
pub(crate) trait Sample: Copy + 'static {
    fn samples() -> &'static [Self];

    /// As an operand of `bytes`; `None` when there is none of that size.
    fn operand(self, bytes: u8) -> Option<Operand>;
}

impl Sample for Gpr {
    fn samples() -> &'static [Self] {
        &Self::ALL
    }

    fn operand(self, bytes: u8) -> Option<Operand> {
        Some(Operand::Gpr(self, crate::operand::width_of(bytes.into())?))
    }
}

impl Sample for Xmm {
    fn samples() -> &'static [Self] {
        &Self::ALL
    }

    fn operand(self, _: u8) -> Option<Operand> {
        Some(Operand::Xmm(self))
    }
}

/// The register of a variable shift count, which is not an argument.
#[derive(Clone, Copy)]
pub(crate) struct Cl;

impl Sample for Cl {
    fn samples() -> &'static [Self] {
        &[Self]
    }

    fn operand(self, _: u8) -> Option<Operand> {
        Gpr::Rcx.operand(1)
    }
}

macro_rules! immediates {
    ($($type:ty: $samples:expr;)*) => { $(
        impl Sample for $type {
            fn samples() -> &'static [Self] {
                &$samples
            }

            fn operand(self, bytes: u8) -> Option<Operand> {
                let value = i128::from(self);
                let fits = value >= -(1 << (bytes * 8 - 1)) && value < 1 << (bytes * 8);
                fits.then_some(Operand::Immediate(value as u64, bytes))
            }
        }
    )* };
}

immediates! {
    u8: [0, 1, 2, 7, 31, 63, 127, 128, 255];
    u16: [0, 1, 8, 0x7fff, 0x8000, 0xffff];
    u64: [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, u64::MAX, u64::MAX << 31, u64::MAX << 32];
    i32: [
        0, 1, -1, 127, -128, 128, -129, 255, 256, 0x7fff, -0x8000, 0x8000, 0xff7f, 0xff80, 0xffff, 0x10000,
        0x1234_5678, i32::MAX, i32::MIN,
    ];
}

macro_rules! selectors {
    ($($type:ident)*) => { $(
        impl Sample for $type {
            fn samples() -> &'static [Self] {
                &Self::ALL
            }

            fn operand(self, bytes: u8) -> Option<Operand> {
                (self as u8).operand(bytes)
            }
        }
    )* };
}

selectors! { FloatCompare Rounding }

/// Displacements at every limit of their encodings.
const DISPS: [i64; 9] = [0, 1, -1, 127, -128, 128, -129, i32::MAX as i64, i32::MIN as i64];

/// Targets near and far from the code.
const TARGETS: [i64; 4] = [PC as i64, PC as i64 + 0x7fff_fff0, PC as i64 - 0x7fff_fff0, PC as i64 + 100];

const SEGMENTS: [Segment; 3] = [Segment::None, Segment::Fs, Segment::Gs];

static ADDRESSES: LazyLock<Vec<Address>> = LazyLock::new(|| {
    let mut all: Vec<Address> = based().chain(indexed()).chain(unbased()).collect();
    for (n, address) in all.iter_mut().enumerate() {
        address.segment = SEGMENTS[n % SEGMENTS.len()];
    }
    all
});

fn address(base: Base, index: Option<(Gpr, Scale)>, disp: i64) -> Address {
    Address { segment: Segment::None, base, index, disp }
}

/// Each base with each displacement.
fn based() -> impl Iterator<Item = Address> {
    Gpr::ALL.into_iter().flat_map(|base| DISPS.map(|disp| address(Base::Gpr(base), None, disp)))
}

/// Each base, or none, with each index and scale.
fn indexed() -> impl Iterator<Item = Address> {
    let bases = [Base::None].into_iter().chain(Gpr::ALL.map(Base::Gpr));
    let indexes = || Gpr::ALL.into_iter().filter(|&index| index != Gpr::Rsp);
    let pairs = bases.flat_map(move |base| indexes().map(move |index| (base, index)));
    let all = pairs.flat_map(|(base, index)| Scale::ALL.map(|scale| (base, index, scale)));
    all.zip(DISPS.into_iter().cycle()).map(|((base, index, scale), d)| address(base, Some((index, scale)), d))
}

/// Absolute and rip-relative ones.
fn unbased() -> impl Iterator<Item = Address> {
    let absolute = DISPS.map(|disp| address(Base::None, None, disp));
    absolute.into_iter().chain(TARGETS.map(|target| address(Base::Rip, None, target)))
}

impl Sample for Address {
    fn samples() -> &'static [Self] {
        &ADDRESSES
    }

    fn operand(self, bytes: u8) -> Option<Operand> {
        Some(Operand::Memory(self, bytes.into()))
    }
}

/// A constant that is loaded with all 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Wide(pub(crate) u64);

impl Sample for Wide {
    fn samples() -> &'static [Self] {
        &[
            Self(u64::MAX),
            Self(0xffff_ffff_8000_0000),
            Self(0xffff_ffff_7fff_ffff),
            Self(1 << 32),
            Self(0x0123_4567_89ab_cdef),
            Self(1 << 63),
        ]
    }

    fn operand(self, bytes: u8) -> Option<Operand> {
        self.0.operand(bytes)
    }
}

/// A constant that is loaded by clearing the upper half.
#[derive(Clone, Copy)]
pub(crate) struct Narrow(pub(crate) u32);

impl Sample for Narrow {
    fn samples() -> &'static [Self] {
        &[Self(0), Self(1), Self(0x7fff_ffff), Self(0x8000_0000), Self(u32::MAX)]
    }

    fn operand(self, bytes: u8) -> Option<Operand> {
        u64::from(self.0).operand(bytes)
    }
}

/// Where a direct branch goes.
#[derive(Clone, Copy)]
pub(crate) struct Target(pub(crate) u64);

impl Sample for Target {
    fn samples() -> &'static [Self] {
        const { &[Self(PC), Self(PC + 5), Self(PC.wrapping_sub(0x7fff_0000)), Self(PC + 0x7fff_0000), Self(0)] }
    }

    fn operand(self, _: u8) -> Option<Operand> {
        Some(Operand::Target(self.0))
    }
}

/// The instruction itself as the target of a branch.
#[derive(Clone, Copy)]
pub(crate) struct Here;

impl Sample for Here {
    fn samples() -> &'static [Self] {
        &[Self]
    }

    fn operand(self, _: u8) -> Option<Operand> {
        Some(Operand::Target(PC))
    }
}

/// The address of the instruction itself.
#[derive(Clone, Copy)]
pub(crate) struct HereAddress;

impl Sample for HereAddress {
    fn samples() -> &'static [Self] {
        &[Self]
    }

    fn operand(self, bytes: u8) -> Option<Operand> {
        address(Base::Rip, None, PC.cast_signed()).operand(bytes)
    }
}
