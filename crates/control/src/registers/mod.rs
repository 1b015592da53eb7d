//! All registers of a program.

mod area;
mod changes;
mod value;
mod vector;
mod x87;

use core::fmt;

use midstride_asm::Gpr;
use midstride_frame::{GprFrame, Register, rflags, xsave};

pub use area::XsaveFormat;
pub use changes::{Change, Changes};
#[cfg(feature = "std")]
pub(crate) use value::is_canonical;
pub use value::{NoSuchValue, Value};
pub use vector::{Lane, Vector};
pub use x87::{F80, X87};

/// Which registers a processor has, or a [`Registers`] holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Valid(u64);

impl Valid {
    /// General registers, rip and rflags only.
    pub const INTEGER: Self = Self(0);
    /// Bit beyond all components of XCR0: the bases of FS and GS.
    const BASES: u64 = 1 << 62;

    /// The vector and x87 registers of the components in `xcr0`.
    #[must_use]
    pub const fn of_components(xcr0: u64) -> Self {
        Self(xcr0 & XsaveFormat::COMPONENTS)
    }

    /// With the bases of FS and GS.
    #[must_use]
    pub const fn with_segment_bases(self) -> Self {
        Self(self.0 | Self::BASES)
    }

    /// The components of XCR0 among them.
    #[must_use]
    pub const fn components(self) -> u64 {
        self.0 & XsaveFormat::COMPONENTS
    }

    /// Whether all of a register is among them.
    #[must_use]
    pub fn contains(self, register: Register) -> bool {
        let needed = match register {
            Register::FS_BASE | Register::GS_BASE => Self::BASES,
            Register::MXCSR => 1 << xsave::SSE,
            Register::FCW | Register::FSW => 1 << xsave::X87,
            _ if register.x87_number().is_some() => 1 << xsave::X87,
            _ if register.mask_number().is_some() => 1 << xsave::OPMASK,
            _ if register.vector_number().is_some_and(|number| number >= 16) => 1 << xsave::HIGH_ZMM,
            _ if register.vector_number().is_some() => 1 << xsave::SSE,
            _ => 0,
        };
        self.0 & needed == needed
    }

    /// Bytes of the vector registers 0 to 15: 0, 16, 32 or 64.
    #[must_use]
    pub fn vector_bytes(self) -> usize {
        const WIDTHS: [(u8, usize); 3] = [(xsave::ZMM_HIGH, 64), (xsave::AVX, 32), (xsave::SSE, 16)];
        WIDTHS.iter().find(|(component, _)| self.0 >> component & 1 != 0).map_or(0, |(_, bytes)| *bytes)
    }
}

/// Every register of a program, with a note of which are valid; the others are as after a reset.
///
/// ```
/// use midstride_asm::Gpr;
/// use midstride_control::{Registers, Valid};
/// use midstride_frame::Register;
///
/// let before = Registers::new(Valid::of_components(0xe7));
/// let mut after = before.clone();
/// after.set_gpr(Gpr::Rax, 42);
/// after.vector[3].set_lane(1, 7u64);
/// after.gpr.rflags |= 0x41;
/// assert_eq!(
///     after.changes(&before).to_string(),
///     "rax     0 → 2a (42)\n\
///      rflags  +CF +ZF\n\
///      xmm3    0000000000000000_· → 0000000000000007_·\n"
/// );
/// assert_eq!(after.get(Register::RAX).unwrap().to_string(), "2a (42)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Registers {
    /// General registers, rip and rflags.
    pub gpr: GprFrame,
    /// Base of FS.
    pub fs_base: u64,
    /// Base of GS.
    pub gs_base: u64,
    /// The x87 unit, and with it the MMX registers.
    pub x87: X87,
    /// SSE control and status.
    pub mxcsr: u32,
    /// zmm0 to zmm31, with ymm and xmm as their lower parts.
    pub vector: [Vector; 32],
    /// k0 to k7.
    pub mask: [u64; 8],
    /// Which of them there are.
    pub valid: Valid,
}

/// MXCSR after a reset: all exceptions masked.
const MXCSR: u32 = 0x1f80;
/// Bits of rflags that user mode cannot change: IF and the one that is always set.
pub(crate) const FIXED_FLAGS: u64 = 0x202;
/// Bits of rflags that belong to the program.
pub(crate) const OWN_FLAGS: u64 =
    rflags::ARITHMETIC | rflags::TF | rflags::DF | NESTED_TASK | rflags::AC | rflags::ID;
const NESTED_TASK: u64 = 1 << 14;

impl Registers {
    /// Registers as a new thread has them, but all zero.
    #[must_use]
    pub fn new(valid: Valid) -> Self {
        let gpr = GprFrame { rflags: FIXED_FLAGS, ..GprFrame::default() };
        Self {
            gpr,
            fs_base: 0,
            gs_base: 0,
            x87: X87::default(),
            mxcsr: MXCSR,
            vector: [Vector::default(); 32],
            mask: [0; 8],
            valid,
        }
    }

    /// A general register.
    #[must_use]
    pub fn gpr(&self, gpr: Gpr) -> u64 {
        Register::gpr(gpr.number()).and_then(|register| self.gpr.get(register)).unwrap_or_default()
    }

    /// Changes a general register.
    pub fn set_gpr(&mut self, gpr: Gpr, value: u64) {
        if let Some(slot) = Register::gpr(gpr.number()).and_then(|register| self.gpr.get_mut(register)) {
            *slot = value;
        }
    }

    /// What is different from `before`, for display and for loops.
    #[must_use]
    pub fn changes<'r>(&'r self, before: &'r Self) -> Changes<'r> {
        Changes::new(before, self)
    }
}

/// The flags as a program sees them, from any that the processor or the kernel shows.
pub(crate) const fn visible_flags(raw: u64) -> u64 {
    raw & OWN_FLAGS | FIXED_FLAGS
}

/// The flags after a change from `before` to `wanted`: ID stays, since the kernel lets only the program itself
/// change it.
pub(crate) const fn changed_flags(before: u64, wanted: u64) -> u64 {
    visible_flags(wanted & !rflags::ID | before & rflags::ID)
}

/// General registers, and whatever else is not as after a reset.
impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        changes::all(self, f)
    }
}

impl fmt::Debug for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
