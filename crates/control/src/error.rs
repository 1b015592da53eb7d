//! What controllers refuse.

use core::fmt;
use std::time::Duration;

use midstride_os::Errno;
use midstride_slab::{AccessError, AllocError};

use crate::chain::AssembleError;
use crate::point::CodePoint;
use crate::program::InsnId;

/// Why a controller could not be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StartError {
    /// No memory for code and state.
    Memory(AllocError),
    /// A system call failed.
    System {
        /// Which.
        call: &'static str,
        /// How.
        errno: Errno,
    },
    /// More threads of this process are under control than there is room for.
    TooManyThreads {
        /// How many there can be.
        limit: usize,
    },
    /// The processor or the kernel lacks something.
    Missing {
        /// What.
        what: &'static str,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => write!(f, "{error}"),
            Self::System { call, errno } => write!(f, "{call}: {errno}"),
            Self::TooManyThreads { limit } => write!(f, "more than {limit:#x} threads under control"),
            Self::Missing { what } => write!(f, "no {what} here"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<AllocError> for StartError {
    fn from(error: AllocError) -> Self {
        Self::Memory(error)
    }
}

/// Why a program was not loaded. The one before it stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// It cannot be assembled.
    Assemble(AssembleError),
    /// There is no memory for it.
    Memory(AllocError),
    /// Its memory could not be written.
    Access(AccessError),
    /// A system call failed.
    System {
        /// Which.
        call: &'static str,
        /// How.
        errno: Errno,
    },
    /// The controller did not answer.
    Control(ControlError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assemble(error) => write!(f, "{error}"),
            Self::Memory(error) => write!(f, "{error}"),
            Self::Access(error) => write!(f, "{error}"),
            Self::System { call, errno } => write!(f, "{call}: {errno}"),
            Self::Control(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Assemble(error) => Some(error),
            Self::Memory(error) => Some(error),
            Self::Access(error) => Some(error),
            Self::System { errno, .. } => Some(errno),
            Self::Control(error) => Some(error),
        }
    }
}

macro_rules! from {
    ($($variant:ident($error:ty) for $to:ident;)*) => {
        $(
            impl From<$error> for $to {
                fn from(error: $error) -> Self {
                    Self::$variant(error)
                }
            }
        )*
    };
}

from! {
    Assemble(AssembleError) for LoadError;
    Memory(AllocError) for LoadError;
    Access(AccessError) for LoadError;
    Control(ControlError) for LoadError;
}

/// Why a controller did not do what it was asked. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// It has ended.
    Closed,
    /// The program did not let itself be stopped: it blocks signals, or is in a system call that goes on.
    /// The order stands and will be carried out when it can be.
    NoAnswer {
        /// How long was waited.
        waited: Duration,
    },
    /// The program is running.
    Running,
    /// There is nothing at this point to go on with.
    Nowhere {
        /// Where the program is.
        point: CodePoint,
    },
    /// The program has no such instruction.
    Unknown {
        /// The instruction.
        id: InsnId,
    },
    /// The registers as a whole cannot be loaded: a base that is no address, a reserved bit of MXCSR, or a
    /// component that is not there.
    Unloadable,
    /// Not all of the memory is there, or it cannot be written.
    Memory {
        /// First address.
        address: u64,
        /// Bytes that could be read or written.
        done: usize,
    },
    /// A system call failed.
    System {
        /// Which.
        call: &'static str,
        /// How.
        errno: Errno,
    },
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "the controller has ended"),
            Self::NoAnswer { waited } => write!(f, "no answer within {waited:?}"),
            Self::Running => write!(f, "the program is running"),
            Self::Nowhere { point } => write!(f, "nothing to run: the program is {point}"),
            Self::Unknown { id } => write!(f, "there is no instruction {id}"),
            Self::Unloadable => write!(f, "registers hold what the processor does not load"),
            Self::Memory { address, done } => {
                write!(f, "memory from {address:#x} on is there for {done:#x} bytes only")
            }
            Self::System { call, errno } => write!(f, "{call}: {errno}"),
        }
    }
}

impl core::error::Error for ControlError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::System { errno, .. } => Some(errno),
            _ => None,
        }
    }
}
