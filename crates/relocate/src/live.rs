//! Liveness: which registers and flags somebody further on still needs.

use crate::effects::Effects;
use crate::sets::{FlagSet, GprSet};

/// The registers and flags whose values are still needed at a point of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Live {
    /// Needed registers.
    pub gprs: GprSet,
    /// Needed flags.
    pub flags: FlagSet,
}

impl Live {
    /// Everything is needed: what holds wherever code is not known.
    pub const EVERYTHING: Self = Self { gprs: GprSet::ALL, flags: FlagSet::ALL };
    /// Nothing is needed.
    pub const NOTHING: Self = Self { gprs: GprSet::EMPTY, flags: FlagSet::EMPTY };

    /// What is needed where two paths part.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        Self { gprs: self.gprs.union(other.gprs), flags: self.flags.union(other.flags) }
    }
}

/// What is live before an instruction, from what is live behind it:
/// `in = (out − certainly overwritten) ∪ read`.
#[must_use]
pub const fn live_in(effects: &Effects, live_out: Live) -> Live {
    Live {
        gprs: live_out.gprs.minus(effects.gpr_written).union(effects.gpr_read),
        flags: live_out.flags.minus(effects.flags_overwritten).union(effects.flags_read),
    }
}
