//! What can keep a stack from being built.

use core::fmt;

use crate::compact::Slot;
use crate::machine::map::SuspendKind;
use crate::machine::map_error::StateMapError;

/// A stack that was not built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildStackError {
    /// It would have more words than there is room for.
    TooLarge {
        /// The room, in words.
        words: u64,
    },
    /// The top is not a multiple of 16, or too low for a stack below it.
    BadTop {
        /// The top.
        top: u64,
    },
    /// There is no frame to go on with.
    NoFrames,
    /// The youngest frame waits for a call to return, and it was not said what it returns.
    NoResult,
    /// One frame cannot be built.
    Frame {
        /// Its number, 0 is the youngest.
        number: u32,
        /// Why.
        error: BuildFrameError,
    },
}

/// A frame that cannot be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildFrameError {
    /// The map has no such function.
    NoSuchFunction {
        /// Its number.
        function: u64,
    },
    /// The function cannot be suspended at this operator.
    NotSuspendable {
        /// Number of the operator.
        operator: u64,
    },
    /// A frame that others return to is suspended elsewhere than in a call.
    NotInCall {
        /// Where it is.
        kind: SuspendKind,
    },
    /// The code was compiled without state tracking, or the map contradicts itself.
    Map(StateMapError),
    /// The frame has more or fewer values than the code.
    Size {
        /// The first that is missing or too much.
        slot: Slot,
    },
    /// The code needs a value that is not known.
    Missing {
        /// Which.
        slot: Slot,
    },
    /// The code needs an operand that the operator had already taken: it trapped in its middle.
    OperandTaken {
        /// Which.
        operand: u32,
    },
    /// A value that should fit in 32 bits does not.
    Half {
        /// The value.
        value: u64,
    },
    /// A slot is a copy of one that was not written before it.
    CopyOutOfReach {
        /// Bytes from the frame pointer.
        offset: i32,
    },
    /// A chain of pointers from the context cannot be read.
    Context {
        /// Where.
        address: u64,
    },
    /// The map puts a value where it cannot be.
    Misplaced,
}

impl fmt::Display for BuildStackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { words } => write!(f, "the stack needs more than {words:#x} words"),
            Self::BadTop { top } => write!(f, "a stack cannot end at {top:#x}"),
            Self::NoFrames => f.write_str("there is no frame"),
            Self::NoResult => f.write_str("the youngest frame waits for a result"),
            Self::Frame { number, .. } => write!(f, "frame {number} cannot be built"),
        }
    }
}

impl core::error::Error for BuildStackError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Frame { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for BuildFrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFunction { function } => write!(f, "there is no function {function}"),
            Self::NotSuspendable { operator } => write!(f, "it cannot be suspended at operator {operator}"),
            Self::NotInCall { kind } => write!(f, "it is suspended at a {kind:?} but others return to it"),
            Self::Map(_) => f.write_str("its state map is broken"),
            Self::Size { slot } => write!(f, "{slot} is missing or too much"),
            Self::Missing { slot } => write!(f, "{slot} has no known value"),
            Self::OperandTaken { operand } => write!(f, "operand {operand} was taken before the trap"),
            Self::Half { value } => write!(f, "{value:#x} does not fit in 32 bits"),
            Self::CopyOutOfReach { offset } => write!(f, "nothing was written at frame pointer {offset:+}"),
            Self::Context { address } => write!(f, "the context cannot be read at {address:#x}"),
            Self::Misplaced => f.write_str("the map puts a value where it cannot be"),
        }
    }
}

impl core::error::Error for BuildFrameError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Map(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StateMapError> for BuildFrameError {
    fn from(error: StateMapError) -> Self {
        Self::Map(error)
    }
}
