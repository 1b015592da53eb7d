//! Ways to rewrite.

use midstride_block::{Care, MAX_INSNS, Probe, Rotate};

/// How code is rewritten.
#[derive(Clone, Copy, Debug)]
pub struct Rewriting {
    pub(crate) slots: Slots,
    pub(crate) rotate: Rotate,
    pub(crate) care: Care,
    pub(crate) probe: Option<Probe>,
    /// Whether indirect branches find blocks by tables, or always come to the gate.
    pub(crate) landings: Landings,
    pub(crate) distance: Distance,
    /// Hot bytes of a region.
    pub(crate) hot_bytes: u64,
    /// Most instructions of a block.
    pub(crate) limit: usize,
    /// Whether blocks run into those they are followed by.
    pub(crate) fuse: Fuse,
}

/// How emitted code finds its slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slots {
    Gs,
    Absolute,
}

/// Whether a block built for an exit may take the place of its jump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fuse {
    Yes,
    No,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Landings {
    Used,
    Unused,
}

/// Where the cache lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Distance {
    /// In reach of the code.
    Near,
    /// Out of its reach, so that operands relative to rip are too.
    Far,
}

/// The counter of a probe, in bytes from the context.
pub(crate) const COUNTER: i32 = 0x100;
const CACHE_BYTES: u64 = 1 << 20;
const SMALL_CACHE_BYTES: u64 = 64 << 10;

impl Rewriting {
    /// With everything as usual.
    pub(crate) fn plain() -> Self {
        let rotate = if std::arch::is_x86_feature_detected!("bmi2") { Rotate::Rorx } else { Rotate::None };
        Self {
            slots: Slots::Gs,
            rotate,
            care: Care::Trust,
            probe: None,
            landings: Landings::Used,
            distance: Distance::Near,
            hot_bytes: CACHE_BYTES,
            limit: MAX_INSNS,
            fuse: Fuse::Yes,
        }
    }

    /// Whether it needs the base of GS.
    pub(crate) fn needs_gs(&self) -> bool {
        self.slots == Slots::Gs
    }

    /// All ways that are compared.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let plain = Self::plain();
        let far = Self { distance: Distance::Far, ..plain };
        vec![
            plain,
            Self { slots: Slots::Absolute, rotate: Rotate::None, fuse: Fuse::No, ..plain },
            far,
            Self { care: Care::Check, ..plain },
            Self { probe: Some(Probe::Count { offset: COUNTER }), ..plain },
            Self { probe: Some(Probe::Callout { id: 7 }), limit: 3, ..plain },
            Self { hot_bytes: SMALL_CACHE_BYTES, landings: Landings::Unused, ..plain },
            Self { hot_bytes: SMALL_CACHE_BYTES, rotate: Rotate::None, ..far },
        ]
    }
}
