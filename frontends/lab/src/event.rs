//! What a session tells.

use midstride_control::{Backend, Change, Registers};
use midstride_syntax::Note;

/// Something to be shown. [`Text`](crate::Text) and [`to_json`](Event::to_json) write it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An instruction or data, with its encoding.
    Code(Code),
    /// A register changed.
    Changed(Change),
    /// Nothing changed.
    Unchanged,
    /// The program is in front of an instruction, for this reason.
    At {
        /// Why it stands still.
        why: Why,
        /// The instruction.
        code: Code,
    },
    /// The program left its code.
    Ended {
        /// How.
        how: String,
    },
    /// A signal.
    Fault(Fault),
    /// The program makes a system call.
    Syscall {
        /// The number of the call.
        number: u64,
        /// Its arguments.
        args: [u64; 6],
    },
    /// The task of the program is gone; its registers and memory are as at the start.
    Killed {
        /// How.
        how: String,
    },
    /// Memory.
    Memory {
        /// Address of the first byte.
        address: u64,
        /// What is there.
        bytes: Vec<u8>,
        /// How it is to be shown.
        format: Format,
    },
    /// Registers.
    Registers {
        /// All of them.
        registers: Box<Registers>,
        /// Which are to be shown.
        which: Which,
    },
    /// A measurement.
    Bench {
        /// Nanoseconds of one run of the code, the least of all samples.
        min: f64,
        /// The median of all samples.
        median: f64,
        /// Samples.
        samples: usize,
        /// Runs in each sample.
        runs: u64,
    },
    /// The backend in use.
    Backend(Backend),
    /// A breakpoint.
    Breakpoint {
        /// The instruction that it is in front of, if it is there now.
        code: Option<Code>,
        /// When it counts.
        condition: Option<String>,
    },
    /// Something else to read.
    Text(String),
}

/// An instruction or data.
#[derive(Clone, PartialEq, Debug)]
pub struct Code {
    /// Address in the listing.
    pub address: u64,
    /// Encoding.
    pub bytes: Vec<u8>,
    /// As it is written.
    pub text: String,
    /// Line of the source, from 1; 0 for none.
    pub line: usize,
    /// What the assembler decided.
    pub note: Option<Note>,
    /// Whether the program is in front of it.
    pub here: bool,
}

/// Why a program stands still in front of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// All steps are done.
    Step,
    /// There is a breakpoint.
    Breakpoint,
    /// The user stopped it.
    Interrupted,
    /// It was there already.
    Waiting,
    /// The backend does not run it.
    Refused,
}

/// A signal that an instruction raised.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Name of the signal.
    pub signal: String,
    /// Why, as the kernel says.
    pub code: i32,
    /// The address that could not be accessed.
    pub address: u64,
    /// The instruction, if it is one of the program's.
    pub insn: Option<Code>,
    /// Where the program is otherwise.
    pub place: String,
    /// The instructions around it.
    pub around: Vec<Code>,
}

/// How memory is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// Bytes in hex and as text.
    #[default]
    Bytes,
    /// Numbers.
    Numbers(Number),
    /// Words of the stack, the top marked.
    Stack,
}

/// A type of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Number {
    /// Unsigned, of this many bytes.
    Unsigned(usize),
    /// Signed, of this many bytes.
    Signed(usize),
    /// Floating-point, of this many bytes.
    Float(usize),
}

const NUMBERS: [(&str, Number); 12] = [
    ("u8", Number::Unsigned(1)),
    ("u16", Number::Unsigned(2)),
    ("u32", Number::Unsigned(4)),
    ("u64", Number::Unsigned(8)),
    ("u128", Number::Unsigned(16)),
    ("i8", Number::Signed(1)),
    ("i16", Number::Signed(2)),
    ("i32", Number::Signed(4)),
    ("i64", Number::Signed(8)),
    ("i128", Number::Signed(16)),
    ("f32", Number::Float(4)),
    ("f64", Number::Float(8)),
];

impl Number {
    /// The type with this name: `u8` to `i128`, `f32`, `f64`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NUMBERS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NUMBERS.iter().find(|(_, number)| *number == self).map_or("?", |(name, _)| name)
    }

    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Unsigned(bytes) | Self::Signed(bytes) | Self::Float(bytes) => bytes,
        }
    }

    /// A number of this type, lowest byte first, as text; missing bytes are zero.
    #[must_use]
    pub fn show(self, bytes: &[u8]) -> String {
        let mut own = [0; 16];
        let len = bytes.len().min(self.bytes());
        own[..len].copy_from_slice(&bytes[..len]);
        let unsigned = u128::from_le_bytes(own);
        let unused = 128 - self.bytes() as u32 * 8;
        match self {
            Self::Unsigned(_) => format!("{unsigned}"),
            Self::Signed(_) => format!("{}", ((unsigned << unused).cast_signed()) >> unused),
            Self::Float(4) => format!("{:?}", f32::from_bits(unsigned as u32)),
            Self::Float(_) => format!("{:?}", f64::from_bits(unsigned as u64)),
        }
    }

    /// The bytes of a number, lowest first; `None` when it does not fit.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Float(4) => return Some(text.parse::<f32>().ok()?.to_le_bytes().to_vec()),
            Self::Float(_) => return Some(text.parse::<f64>().ok()?.to_le_bytes().to_vec()),
            Self::Unsigned(bytes) | Self::Signed(bytes) => bytes,
        };
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let magnitude = match digits.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        };
        let bits = bytes as u32 * 8;
        let fits =
            if sign < 0 { magnitude <= 1 << (bits - 1) } else { bits == 128 || magnitude >> bits == 0 };
        let value = if sign < 0 { magnitude.wrapping_neg() } else { magnitude };
        fits.then(|| value.to_le_bytes()[..bytes].to_vec())
    }
}

/// Which registers are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Which {
    /// General registers, and what is not as after a reset.
    #[default]
    Usual,
    /// Every one.
    All,
    /// Vector and mask registers.
    Vector,
    /// x87 and MMX.
    Fpu,
    /// One.
    One(midstride_frame::Register),
}
