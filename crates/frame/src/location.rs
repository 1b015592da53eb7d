//! Where one value of a stopped thread is.

use core::fmt;

use crate::register::Register;

/// What a memory location is counted from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Base {
    /// The value rsp has in the machine.
    StackPointer,
    /// The value rbp has in the machine.
    FramePointer,
    /// The start of the thread context.
    ThreadContext,
    /// Address 0.
    Absolute,
}

/// Where a value is, or how it is computed. Values of up to 8 bytes unless the user of the location
/// says otherwise (a vector in a [`Slot`](Self::Slot) takes its own size).
///
/// ```
/// use midstride_frame::{Base, GprFrame, Location, Machine, Register};
///
/// struct Stopped { registers: GprFrame, stack: [u64; 4] }
/// impl Machine for Stopped {
///     fn register(&self, register: Register) -> Option<u64> { self.registers.get(register) }
///     fn load(&self, base: Base, offset: i32) -> Option<u64> {
///         let index = usize::try_from(offset).ok()? / 8;
///         (base == Base::StackPointer).then(|| self.stack.get(index).copied())?
///     }
/// }
///
/// let stopped = Stopped { registers: GprFrame { rsp: 0x7000, ..GprFrame::default() }, stack: [1, 2, 3, 4] };
/// let saved = Location::Slot { base: Base::StackPointer, offset: 16 };
/// let app_rsp = Location::Sum { register: Register::RSP, addend: 8 };
/// assert_eq!(saved.resolve(&stopped), Some(3));
/// assert_eq!(app_rsp.resolve(&stopped), Some(0x7008));
/// assert_eq!(Location::Constant(5).resolve(&stopped), Some(5));
/// assert_eq!(Location::Lost.resolve(&stopped), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Location {
    /// `register`
    Register(Register),
    /// `*(base + offset)`
    Slot {
        /// What `offset` is counted from.
        base: Base,
        /// Bytes.
        offset: i32,
    },
    /// `register + addend`
    Sum {
        /// The register.
        register: Register,
        /// Added to it, modulo 2⁶⁴.
        addend: i32,
    },
    /// A value known when the code was written.
    Constant(u64),
    /// Nowhere: it was overwritten and nobody will read it.
    Lost,
}

/// What a [`Location`] is read from.
pub trait Machine {
    /// The value a register has in the machine; `None` when that is not known.
    fn register(&self, register: Register) -> Option<u64>;

    /// The 8 bytes at `base + offset`; `None` when they cannot be read.
    fn load(&self, base: Base, offset: i32) -> Option<u64>;
}

impl Location {
    /// The value at this location.
    #[must_use]
    pub fn resolve<M: Machine + ?Sized>(self, machine: &M) -> Option<u64> {
        match self {
            Self::Register(register) => machine.register(register),
            Self::Slot { base, offset } => machine.load(base, offset),
            Self::Sum { register, addend } => {
                Some(machine.register(register)?.wrapping_add_signed(i64::from(addend)))
            }
            Self::Constant(value) => Some(value),
            Self::Lost => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(register) => write!(f, "{register}"),
            Self::Slot { base, offset } => write!(f, "[{base:?}{}]", Signed(*offset)),
            Self::Sum { register, addend } => write!(f, "{register}{}", Signed(*addend)),
            Self::Constant(value) => write!(f, "{value:#x}"),
            Self::Lost => f.write_str("lost"),
        }
    }
}

/// `+0x8`, `-0x8`, or nothing for 0.
struct Signed(i32);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            n if n < 0 => write!(f, "-{:#x}", n.unsigned_abs()),
            n => write!(f, "+{n:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpr::GprFrame;
    use std::string::ToString;

    impl Machine for GprFrame {
        fn register(&self, register: Register) -> Option<u64> {
            self.get(register)
        }

        fn load(&self, _: Base, _: i32) -> Option<u64> {
            None
        }
    }

    #[test]
    fn sums_wrap_as_the_processor_does() {
        let frame = GprFrame { rax: 3, ..GprFrame::default() };
        let sum = Location::Sum { register: Register::RAX, addend: -5 };
        assert_eq!(sum.resolve(&frame), Some(u64::MAX - 1));
    }

    #[test]
    fn what_the_machine_does_not_know_is_not_invented() {
        let frame = GprFrame::default();
        let zmm0 = Register::vector(0).unwrap();
        assert_eq!(Location::Register(zmm0).resolve(&frame), None);
        assert_eq!(Location::Sum { register: zmm0, addend: 1 }.resolve(&frame), None);
        assert_eq!(Location::Slot { base: Base::FramePointer, offset: 0 }.resolve(&frame), None);
    }

    #[test]
    fn locations_read_like_operands() {
        let text = [
            Location::Slot { base: Base::ThreadContext, offset: 24 },
            Location::Slot { base: Base::StackPointer, offset: -8 },
            Location::Sum { register: Register::RSP, addend: 128 },
            Location::Register(Register::RAX),
            Location::Lost,
        ]
        .map(|location| location.to_string());
        assert_eq!(text, ["[ThreadContext+0x18]", "[StackPointer-0x8]", "rsp+0x80", "rax", "lost"]);
    }
}
