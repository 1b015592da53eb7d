//! What a program refuses.

use core::fmt;

use super::InsnId;

/// Why a program was not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProgramError {
    /// There is an instruction with this identity.
    Duplicate {
        /// Whose.
        id: InsnId,
    },
    /// There is none with this identity.
    Unknown {
        /// Whose.
        id: InsnId,
    },
    /// The bytes are not exactly one instruction.
    NotOne {
        /// Of which instruction.
        id: InsnId,
        /// How many bytes there are.
        bytes: usize,
    },
    /// iced cannot encode it in 64-bit mode.
    NotEncodable {
        /// Of which instruction.
        id: InsnId,
    },
    /// Only direct branches and calls jump.
    NoSuchEdge {
        /// From which instruction.
        id: InsnId,
    },
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { id } => write!(f, "instruction {id} is in the program already"),
            Self::Unknown { id } => write!(f, "instruction {id} is not in the program"),
            Self::NotOne { id, bytes } => {
                write!(f, "the {bytes:#x} bytes of instruction {id} are not exactly one instruction")
            }
            Self::NotEncodable { id } => write!(f, "instruction {id} cannot be encoded"),
            Self::NoSuchEdge { id } => write!(f, "instruction {id} is no direct branch: it cannot jump"),
        }
    }
}

impl core::error::Error for ProgramError {}
