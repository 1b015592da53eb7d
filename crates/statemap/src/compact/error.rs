//! What can be wrong with a map, and with what a builder is told.

use core::fmt;

use crate::canonical::Phase;
use crate::compact::site::Slot;
use crate::value::ValType;
use crate::varint::Broken;

/// Bytes that are not a map. Offsets are from the start of the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MapError {
    /// The map ends in the middle of what is at `offset`.
    Truncated {
        /// Where.
        offset: u32,
    },
    /// A number has more bits than its field.
    Number {
        /// Where it ends.
        offset: u32,
    },
    /// A byte that means nothing.
    UnknownByte {
        /// Where it is.
        offset: u32,
        /// What it is.
        byte: u8,
    },
    /// More operands popped than there are, a local that does not exist or a copy of a copy.
    BadSlot {
        /// Where.
        offset: u32,
        /// Which.
        slot: Slot,
    },
    /// Sites, cold code, resume points or functions out of order.
    Order {
        /// Where.
        offset: u32,
    },
    /// Bytes behind the end.
    TrailingBytes {
        /// Where they start.
        offset: u32,
    },
    /// More than [`limits`](crate::limits) allows.
    TooMany {
        /// Where the number is.
        offset: u32,
        /// How many.
        count: u64,
    },
}

impl MapError {
    pub(super) fn broken(broken: Broken, at: usize) -> Self {
        let offset = offset(at);
        match broken {
            Broken::Short => Self::Truncated { offset },
            Broken::Number => Self::Number { offset },
        }
    }
}

/// Maps are below 4 GiB; a position in a longer slice is only part of a message.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { offset } => write!(f, "the map ends at {offset:#x}, inside a field"),
            Self::Number { offset } => write!(f, "a number before {offset:#x} is too large"),
            Self::UnknownByte { offset, byte } => write!(f, "byte {byte:#04x} at {offset:#x} means nothing"),
            Self::BadSlot { offset, slot } => write!(f, "{slot} at {offset:#x} does not exist there"),
            Self::Order { offset } => write!(f, "entry at {offset:#x} is out of order"),
            Self::TrailingBytes { offset } => write!(f, "bytes behind the end of the map, at {offset:#x}"),
            Self::TooMany { offset, count } => write!(f, "{count:#x} entries at {offset:#x} are too many"),
        }
    }
}

impl core::error::Error for MapError {}

/// A site that a map cannot record. The builder is as it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Sites come in the order of their code and of their wasm offsets; this one is below the last.
    OutOfOrder {
        /// Its code offset.
        code_offset: u32,
        /// Its wasm offset.
        wasm_offset: u32,
        /// Its phase.
        phase: Phase,
    },
    /// A place that no value of the type can have.
    BadPlace {
        /// Whose place.
        slot: Slot,
        /// Of which type.
        ty: ValType,
    },
    /// A local that the function does not have, or locals out of order.
    BadLocal {
        /// Which.
        local: u32,
    },
    /// A site that was not recorded.
    NoSuchSite {
        /// Which.
        site: u32,
    },
    /// Functions come in the order of their code, and do not overlap.
    FunctionOrder {
        /// Where the function that is too low starts.
        code_start: u32,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrder { code_offset, wasm_offset, phase } => {
                let phase = phase.name();
                write!(f, "{phase} site at code {code_offset:#x}, wasm {wasm_offset:#x} is out of order")
            }
            Self::BadPlace { slot, ty } => write!(f, "{slot} cannot have that place as {ty}"),
            Self::BadLocal { local } => write!(f, "local {local} does not exist or is out of order"),
            Self::NoSuchSite { site } => write!(f, "there is no site {site}"),
            Self::FunctionOrder { code_start } => {
                write!(f, "the function at {code_start:#x} is below the end of the one before")
            }
        }
    }
}

impl core::error::Error for BuildError {}
