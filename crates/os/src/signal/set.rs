//! Sets of signals.

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall4};

/// Bytes of a kernel signal set.
pub(super) const SET_BYTES: u64 = 8;

/// A set of signals, the kernel's `sigset_t`: bit 0 is signal 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct SigSet(u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Every signal.
    pub const ALL: Self = Self(!0);

    /// The set with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The bit of a signal; none outside 1 to 64.
    const fn bit(signal: i32) -> u64 {
        if signal >= 1 && signal <= 64 { 1 << (signal - 1) } else { 0 }
    }

    /// With `signal` as well.
    #[must_use]
    pub const fn with(self, signal: i32) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// Without `signal`.
    #[must_use]
    pub const fn without(self, signal: i32) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// Whether `signal` is in it.
    #[must_use]
    pub const fn contains(self, signal: i32) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// All signals of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The signals that are not in `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it has no signal.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its signals, ascending.
    pub fn iter(self) -> impl Iterator<Item = i32> {
        (1..=64).filter(move |&signal| self.contains(signal))
    }
}

/// What [`rt_sigprocmask`] does with the set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum MaskHow {
    /// Blocks its signals too.
    Block = 0,
    /// Unblocks its signals.
    Unblock = 1,
    /// Blocks exactly its signals.
    Set = 2,
}

/// Changes which signals this thread blocks (`None`: only asks); returns which it blocked before.
/// SIGKILL and SIGSTOP are never blocked.
///
/// # Errors
/// As rt_sigprocmask(2); none with these arguments.
pub fn rt_sigprocmask(how: MaskHow, set: Option<SigSet>) -> Result<SigSet, Errno> {
    let mut old = SigSet::EMPTY;
    let new = set.as_ref().map_or(0, |set| (&raw const *set).expose_provenance() as u64);
    let to = (&raw mut old).expose_provenance() as u64;
    // SAFETY: the kernel reads one set and writes one.
    answer(unsafe { syscall4(nr::RT_SIGPROCMASK, how as u64, new, to, SET_BYTES) })?;
    Ok(old)
}
