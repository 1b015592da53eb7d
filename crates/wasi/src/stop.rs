//! How a call ends early.

use std::fmt;

use crate::errno::Errno;
use crate::memory::OutOfBounds;

/// Why a call does not return to the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Exit {
    /// The guest called `proc_exit`: it has ended.
    Process {
        /// Its status.
        code: u32,
    },
    /// The call would wait, or has much to do, and the [`Interrupt`](crate::Interrupt) was raised. Make the
    /// same call again, here or after a thaw, and it goes on with the time and the bytes that are left.
    Interrupted,
    /// The engine passed another number of arguments than the function has.
    Arguments {
        /// How many it has.
        wanted: usize,
        /// How many came.
        found: usize,
    },
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { code } => write!(f, "the program exited with status {code}"),
            Self::Interrupted => f.write_str("a call that waits was interrupted"),
            Self::Arguments { wanted, found } => write!(f, "{found} arguments for a function of {wanted}"),
        }
    }
}

impl core::error::Error for Exit {}

/// An answer other than success, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    Errno(Errno),
    Exit(Exit),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Exit> for Stop {
    fn from(exit: Exit) -> Self {
        Self::Exit(exit)
    }
}

impl From<rustix::io::Errno> for Stop {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Errno(errno.into())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Errno(error.into())
    }
}

impl From<OutOfBounds> for Stop {
    fn from(_: OutOfBounds) -> Self {
        Self::Errno(Errno::Fault)
    }
}
