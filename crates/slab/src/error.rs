//! What can go wrong.

use core::fmt;

use midstride_addr::CachePc;

use crate::layout::{Slab, UnitId};
use crate::source::PageError;

/// Why there is no region, or no room in one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AllocError {
    /// No free place in the window, even for the smallest region.
    NoPlace {
        /// First address of the window searched.
        start: u64,
        /// First address behind it.
        end: u64,
        /// The smallest size that was tried, in bytes.
        bytes: u64,
    },
    /// The page source refused, even for the smallest region.
    Pages(PageError),
    /// A region has 1 to [`MAX_UNITS`](crate::MAX_UNITS) units.
    BadUnitCount {
        /// The number asked for.
        units: u32,
    },
    /// More than a 32-bit displacement can span.
    TooBig {
        /// The total asked for, in bytes.
        bytes: u64,
    },
    /// The unit has no room left in this slab.
    Full {
        /// Which unit.
        unit: UnitId,
        /// Which of its slabs.
        slab: Slab,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes left, alignment considered.
        left: u64,
    },
    /// Alignments are powers of two up to a page.
    BadAlignment {
        /// The alignment asked for, in bytes.
        align: u64,
    },
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlace { start, end, bytes } => {
                write!(f, "no free {bytes:#x} bytes between {start:#x} and {end:#x}")
            }
            Self::Pages(error) => write!(f, "no pages for a region: {error}"),
            Self::BadUnitCount { units } => write!(f, "a region cannot have {units:#x} units"),
            Self::TooBig { bytes } => write!(f, "{bytes:#x} bytes exceed what 32-bit displacements span"),
            Self::Full { unit, slab, wanted, left } => {
                write!(f, "{slab:?} slab of unit {:#x}: {wanted:#x} bytes wanted, {left:#x} left", unit.get())
            }
            Self::BadAlignment { align } => write!(f, "{align:#x} is no alignment"),
        }
    }
}

impl core::error::Error for AllocError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Pages(error) => Some(error),
            _ => None,
        }
    }
}

impl From<PageError> for AllocError {
    fn from(error: PageError) -> Self {
        Self::Pages(error)
    }
}

/// Why bytes of a region were not read or written. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AccessError {
    /// Not all of it lies in this region.
    Outside {
        /// First address.
        at: CachePc,
        /// Length in bytes.
        bytes: u64,
    },
    /// A patched word has to be aligned to 8 bytes.
    Unaligned {
        /// The address given.
        at: CachePc,
    },
    /// More bytes than the span has room for.
    TooLong {
        /// The span's first address.
        at: CachePc,
        /// Bytes given.
        bytes: u64,
        /// Bytes of the span.
        room: u64,
    },
    /// The span's unit was reset since it was allocated.
    Stale {
        /// The span's first address.
        at: CachePc,
    },
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { at, bytes } => write!(f, "{bytes:#x} bytes at {at} are not in the region"),
            Self::Unaligned { at } => write!(f, "{at} is not aligned to 8 bytes"),
            Self::TooLong { at, bytes, room } => {
                write!(f, "{bytes:#x} bytes do not fit the span of {room:#x} at {at}")
            }
            Self::Stale { at } => write!(f, "the unit of the span at {at} was reset"),
        }
    }
}

impl core::error::Error for AccessError {}
