//! Where the System V ABI for AMD64 puts arguments and results (3.2.1, 3.2.3).

use crate::register::Register;

/// Vector register `n`, for constant tables.
const fn vector(n: u8) -> Register {
    match Register::vector(n) {
        Some(register) => register,
        None => panic!("there are 32 vector registers"),
    }
}

/// Integer and pointer arguments, in order.
pub const INTEGER_ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];

/// Floating-point and vector arguments, in order.
pub const VECTOR_ARGUMENTS: [Register; 8] =
    [vector(0), vector(1), vector(2), vector(3), vector(4), vector(5), vector(6), vector(7)];

/// Arguments of a Linux system call, in order; its number is in rax (A.2.1).
pub const SYSCALL_ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::R10, Register::R8, Register::R9];

/// General registers that a function hands back as it got them.
pub const CALLEE_SAVED: [Register; 7] =
    [Register::RBX, Register::RSP, Register::RBP, Register::R12, Register::R13, Register::R14, Register::R15];

/// Integer results, low half first.
pub const INTEGER_RESULTS: [Register; 2] = [Register::RAX, Register::RDX];

/// Floating-point results, low half first.
pub const VECTOR_RESULTS: [Register; 2] = [vector(0), vector(1)];

/// Bytes below rsp that signal handlers leave alone.
pub const RED_ZONE_BYTES: u64 = 128;

/// Kind of one 8-byte piece of an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eightbyte {
    /// INTEGER: general registers.
    Integer,
    /// SSE: vector registers.
    Vector,
}

/// How an argument is passed, after classification by its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ArgumentClass {
    /// In one register: integers, pointers, float, double, vectors (SSE with any number of SSEUP).
    One(Eightbyte),
    /// A structure of 9 to 16 bytes, or `__int128`: both pieces in registers, or all in memory.
    Two(Eightbyte, Eightbyte),
    /// MEMORY, X87 and everything larger: on the stack.
    Memory {
        /// Size in bytes.
        bytes: u32,
        /// Alignment in bytes, a power of two; below 8 counts as 8.
        align: u32,
    },
}

/// Where an argument is when the callee's first instruction runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ArgumentPlace {
    /// In a register.
    Register(Register),
    /// In two registers, low half first.
    Pair(Register, Register),
    /// At rsp + `offset`; the return address is at rsp.
    Stack {
        /// Bytes from rsp.
        offset: u32,
    },
}

/// Places one argument after the other.
///
/// ```
/// use midstride_frame::sysv::{ArgumentClass, ArgumentPlace, Arguments, Eightbyte};
/// use midstride_frame::Register;
///
/// // f(char *, double, long double)
/// let mut arguments = Arguments::new();
/// assert_eq!(
///     arguments.place(ArgumentClass::One(Eightbyte::Integer)),
///     ArgumentPlace::Register(Register::RDI)
/// );
/// assert_eq!(
///     arguments.place(ArgumentClass::One(Eightbyte::Vector)),
///     ArgumentPlace::Register(Register::vector(0).unwrap())
/// );
/// let long_double = ArgumentClass::Memory { bytes: 16, align: 16 };
/// assert_eq!(arguments.place(long_double), ArgumentPlace::Stack { offset: 8 });
/// assert_eq!(arguments.vector_registers(), 1); // what al holds in a call with variable arguments
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    integers: u8,
    vectors: u8,
    /// Bytes of stack arguments so far, without the return address.
    stack: u32,
}

impl Arguments {
    /// No arguments yet. For a function that returns a structure in memory, place the hidden pointer
    /// (one integer) first.
    #[must_use]
    pub const fn new() -> Self {
        Self { integers: 0, vectors: 0, stack: 0 }
    }

    /// Places the next argument.
    pub fn place(&mut self, class: ArgumentClass) -> ArgumentPlace {
        match class {
            ArgumentClass::One(kind) => match self.register(kind) {
                Some(register) => ArgumentPlace::Register(register),
                None => self.push(8, 8),
            },
            ArgumentClass::Two(low, high) => self.pair(low, high),
            ArgumentClass::Memory { bytes, align } => self.push(bytes, align),
        }
    }

    /// Vector registers used so far.
    #[must_use]
    pub const fn vector_registers(&self) -> u8 {
        self.vectors
    }

    /// Bytes of arguments on the stack so far, the return address not counted.
    #[must_use]
    pub const fn stack_bytes(&self) -> u32 {
        self.stack
    }

    /// The next register of a kind.
    fn register(&mut self, kind: Eightbyte) -> Option<Register> {
        let (used, registers): (_, &[Register]) = match kind {
            Eightbyte::Integer => (&mut self.integers, &INTEGER_ARGUMENTS),
            Eightbyte::Vector => (&mut self.vectors, &VECTOR_ARGUMENTS),
        };
        let register = registers.get(usize::from(*used)).copied()?;
        *used += 1;
        Some(register)
    }

    /// Both pieces in registers; when one finds none, both go to the stack and no register is used.
    fn pair(&mut self, low: Eightbyte, high: Eightbyte) -> ArgumentPlace {
        let mut attempt = *self;
        match (attempt.register(low), attempt.register(high)) {
            (Some(low), Some(high)) => {
                *self = attempt;
                ArgumentPlace::Pair(low, high)
            }
            _ => self.push(16, 8),
        }
    }

    fn push(&mut self, bytes: u32, align: u32) -> ArgumentPlace {
        let start = self.stack.next_multiple_of(align.max(8));
        self.stack = start.saturating_add(bytes.next_multiple_of(8));
        // Arguments are aligned at the call, when rsp is 8 higher than in the callee.
        ArgumentPlace::Stack { offset: start + 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Eightbyte::{Integer, Vector};
    use std::vec::Vec;

    fn place_all(classes: &[ArgumentClass]) -> Vec<ArgumentPlace> {
        let mut arguments = Arguments::new();
        classes.iter().map(|class| arguments.place(*class)).collect()
    }

    #[test]
    fn the_seventh_integer_goes_to_the_stack() {
        let places = place_all(&[ArgumentClass::One(Integer); 8]);
        let registers = INTEGER_ARGUMENTS.map(ArgumentPlace::Register);
        assert_eq!(places[..6], registers);
        assert_eq!(places[6..], [ArgumentPlace::Stack { offset: 8 }, ArgumentPlace::Stack { offset: 16 }]);
    }

    #[test]
    fn a_pair_that_does_not_fit_uses_no_register() {
        let mut classes = [ArgumentClass::One(Integer); 7];
        classes[5] = ArgumentClass::Two(Integer, Integer);
        let places = place_all(&classes);
        assert_eq!(places[5], ArgumentPlace::Stack { offset: 8 });
        assert_eq!(places[6], ArgumentPlace::Register(Register::R9));
    }

    #[test]
    fn mixed_pairs_take_one_of_each() {
        let places = place_all(&[ArgumentClass::Two(Vector, Integer), ArgumentClass::One(Integer)]);
        assert_eq!(places[0], ArgumentPlace::Pair(vector(0), Register::RDI));
        assert_eq!(places[1], ArgumentPlace::Register(Register::RSI));
    }

    #[test]
    fn stack_arguments_are_aligned_at_the_call() {
        let mut arguments = Arguments::new();
        assert_eq!(
            arguments.place(ArgumentClass::Memory { bytes: 4, align: 4 }),
            ArgumentPlace::Stack { offset: 8 }
        );
        assert_eq!(
            arguments.place(ArgumentClass::Memory { bytes: 16, align: 16 }),
            ArgumentPlace::Stack { offset: 24 }
        );
        assert_eq!(arguments.stack_bytes(), 32);
    }
}
