//! Why a program cannot be assembled.

use core::fmt;

use midstride_asm::EmitError;
use midstride_relocate::RelocateError;

use crate::program::InsnId;

/// Why there is no code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AssembleError {
    /// A near branch with the prefix 66h means different things to different processors.
    Unsupported {
        /// The instruction.
        id: InsnId,
    },
    /// A far branch through memory relative to rip, which is not reached from the code.
    FarOutOfReach {
        /// The instruction.
        id: InsnId,
    },
    /// It could not be copied.
    Relocate {
        /// The instruction.
        id: InsnId,
        /// Why.
        error: RelocateError,
    },
    /// It could not be written: a displacement does not reach.
    Emit {
        /// The instruction.
        id: InsnId,
        /// Why.
        error: EmitError,
    },
    /// More code than displacements span.
    TooBig {
        /// The instruction that did not fit any more.
        id: InsnId,
        /// Bytes in front of it.
        bytes: u64,
    },
}

impl AssembleError {
    /// Which instruction it is about.
    #[must_use]
    pub fn id(&self) -> InsnId {
        match self {
            Self::Unsupported { id }
            | Self::FarOutOfReach { id }
            | Self::Relocate { id, .. }
            | Self::Emit { id, .. }
            | Self::TooBig { id, .. } => *id,
        }
    }
}

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { id } => write!(f, "instruction {id} is a near branch with prefix 66h"),
            Self::FarOutOfReach { id } => write!(f, "far branch {id} does not reach its operand"),
            Self::Relocate { id, error } => write!(f, "instruction {id}: {error}"),
            Self::Emit { id, error } => write!(f, "instruction {id}: {error}"),
            Self::TooBig { id, bytes } => write!(f, "instruction {id} would start at +{bytes:#x}"),
        }
    }
}

impl core::error::Error for AssembleError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Relocate { error, .. } => Some(error),
            Self::Emit { error, .. } => Some(error),
            _ => None,
        }
    }
}
