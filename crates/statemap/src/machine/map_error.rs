//! What can be wrong with a map.

use core::fmt;

use crate::machine::map::SuspendOffset;
use crate::machine::value::RegisterIndex;

/// A map that contradicts itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StateMapError {
    /// A diff that does not exist.
    NoSuchDiff {
        /// Which.
        diff: u64,
    },
    /// A diff that starts from one that is not before it.
    DiffOrder {
        /// Which.
        diff: u64,
        /// What it starts from.
        last: u64,
    },
    /// A diff that pops more than there is.
    Underflow {
        /// Which.
        diff: u64,
    },
    /// A diff of a register that the state does not have.
    NoSuchRegister {
        /// Which diff.
        diff: u64,
        /// Which register.
        register: RegisterIndex,
    },
    /// A shadow that is not a multiple of 8 bytes, or absurdly large.
    Shadow {
        /// Bytes.
        bytes: u64,
    },
    /// A place that its table does not have.
    NoSuchOffset {
        /// The place.
        offset: SuspendOffset,
    },
    /// An entry that ends before it starts, or beyond the module's code.
    BadOffset {
        /// Its key.
        offset: u64,
    },
    /// Two functions with the same number.
    SameFunction {
        /// The number.
        function: u64,
    },
}

impl fmt::Display for StateMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDiff { diff } => write!(f, "there is no diff {diff}"),
            Self::DiffOrder { diff, last } => {
                write!(f, "diff {diff} starts from {last}, which is not before it")
            }
            Self::Underflow { diff } => write!(f, "diff {diff} pops more than there is"),
            Self::NoSuchRegister { diff, register } => {
                write!(f, "diff {diff} changes register {}, which the state does not have", register.0)
            }
            Self::Shadow { bytes } => write!(f, "a shadow cannot have {bytes:#x} bytes"),
            Self::NoSuchOffset { offset } => write!(f, "the table has no entry for {offset:?}"),
            Self::BadOffset { offset } => write!(f, "the entry at {offset:#x} does not lie in the code"),
            Self::SameFunction { function } => write!(f, "there are two functions {function}"),
        }
    }
}

impl core::error::Error for StateMapError {}
