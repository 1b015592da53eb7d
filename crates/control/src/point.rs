//! Where a program is, in its own terms.

use core::fmt;

use crate::program::InsnId;

/// Where control is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum CodePoint {
    /// Nothing was run yet.
    Nowhere,
    /// In front of an instruction.
    At(InsnId),
    /// Between the bytes of an instruction: something jumped there.
    Inside {
        /// Which instruction.
        insn: InsnId,
        /// Bytes from its start.
        offset: u8,
    },
    /// Out of the program, by a way that has no edge.
    Exit(ExitPoint),
    /// At an address that is not the program's.
    Outside(u64),
}

impl CodePoint {
    /// The instruction it names, if any.
    #[must_use]
    pub fn insn(self) -> Option<InsnId> {
        match self {
            Self::At(insn) | Self::Inside { insn, .. } => Some(insn),
            Self::Exit(exit) => Some(exit.insn),
            Self::Nowhere | Self::Outside(_) => None,
        }
    }
}

impl fmt::Display for CodePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => write!(f, "nowhere"),
            Self::At(insn) => write!(f, "at {insn}"),
            Self::Inside { insn, offset } => write!(f, "at {insn}+{offset:#x}"),
            Self::Exit(exit) => write!(f, "{exit}"),
            Self::Outside(pc) => write!(f, "outside, at {pc:#x}"),
        }
    }
}

/// A way out of a program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExitPoint {
    /// The last instruction.
    pub insn: InsnId,
    /// How control left it.
    pub kind: ExitKind,
}

impl fmt::Display for ExitPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ExitKind::Next => write!(f, "exit behind {}", self.insn),
            ExitKind::Jump => write!(f, "exit by the jump of {}", self.insn),
            ExitKind::Body => write!(f, "exit in the place of {}", self.insn),
        }
    }
}

/// How control left a program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExitKind {
    /// Behind an instruction that has no next one.
    Next,
    /// By a branch that has no target.
    Jump,
    /// In front of an instruction that a reload removed without leaving a successor.
    Body,
}
