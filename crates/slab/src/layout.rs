//! How a region is divided: slabs, units, and which address belongs to which.

use midstride_addr::{CachePc, CacheRange};

use crate::error::AllocError;
use crate::source::{Mapping, PAGE_BYTES};

/// Most units a region can have.
pub const MAX_UNITS: u32 = 64;
/// Everything in a region reaches everything else by a 32-bit displacement; so it must be smaller.
const MAX_BYTES: u64 = 1 << 30;

/// What kind of bytes a part of a region holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Slab {
    /// Code that runs often: block bodies, one behind the other.
    Hot,
    /// Code that runs seldom: exit stubs, slow paths.
    Cold,
    /// Constants, slots and inline-cache words, addressed rip-relative from the code.
    Data,
}

impl Slab {
    /// All three, in address order.
    pub const ALL: [Self; 3] = [Self::Hot, Self::Cold, Self::Data];
}

/// Which unit of a region: the piece that is evicted and reused as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnitId(u8);

impl UnitId {
    pub(crate) fn new(index: u64) -> Self {
        debug_assert!(index < u64::from(MAX_UNITS));
        Self(index as u8)
    }

    /// Its place among the region's units, from 0.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Bytes of each kind in a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Hot code, in bytes.
    pub hot: u64,
    /// Cold code, in bytes.
    pub cold: u64,
    /// Data, in bytes.
    pub data: u64,
}

impl Sizes {
    /// A region is not made smaller than this much hot code when memory is short (unless less was
    /// asked for): below, a cache evicts more than it runs.
    pub const MINIMUM_HOT: u64 = 64 << 10;

    /// All three together, in bytes.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.code().saturating_add(self.data)
    }

    /// Hot and cold together, in bytes.
    pub(crate) const fn code(self) -> u64 {
        self.hot.saturating_add(self.cold)
    }

    /// Of one slab, in bytes.
    #[must_use]
    pub const fn of(self, slab: Slab) -> u64 {
        match slab {
            Slab::Hot => self.hot,
            Slab::Cold => self.cold,
            Slab::Data => self.data,
        }
    }

    /// Half as much of everything, or `None` when that is less than the documented minimum.
    pub(crate) fn halved(self) -> Option<Self> {
        let half = Self { hot: self.hot / 2, cold: self.cold / 2, data: self.data / 2 };
        (half.hot >= Self::MINIMUM_HOT).then_some(half)
    }

    /// What each of `units` gets: whole pages, at least one.
    fn per_unit(self, units: u32) -> Self {
        let share = |bytes: u64| (bytes / u64::from(units) / PAGE_BYTES * PAGE_BYTES).max(PAGE_BYTES);
        Self { hot: share(self.hot), cold: share(self.cold), data: share(self.data) }
    }
}

/// Sizes of a region before it has an address.
///
/// ```text
/// | hot: unit 0, 1, .. | cold: unit 0, 1, .. | data: unit 0, 1, .. |
/// '------- code, RX here and RW elsewhere ---'---- private RW -----'
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    pub(crate) unit: Sizes,
    pub(crate) units: u32,
}

impl Shape {
    pub(crate) fn new(sizes: Sizes, units: u32) -> Result<Self, AllocError> {
        if units == 0 || units > MAX_UNITS {
            return Err(AllocError::BadUnitCount { units });
        }
        if sizes.total() > MAX_BYTES {
            return Err(AllocError::TooBig { bytes: sizes.total() });
        }
        Ok(Self { unit: sizes.per_unit(units), units })
    }

    pub(crate) fn sizes(self) -> Sizes {
        let n = u64::from(self.units);
        Sizes { hot: self.unit.hot * n, cold: self.unit.cold * n, data: self.unit.data * n }
    }
}

/// A region's address arithmetic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) code: Mapping,
    pub(crate) data: Mapping,
}

impl Layout {
    /// Every address of the region.
    pub(crate) fn range(&self) -> CacheRange {
        CacheRange::new(CachePc::new(self.code.address), CachePc::new(self.data.end()))
    }

    /// The addresses of one kind, all units.
    pub(crate) fn slab(&self, slab: Slab) -> CacheRange {
        let sizes = self.shape.sizes();
        let start = CachePc::new(match slab {
            Slab::Hot => self.code.address,
            Slab::Cold => self.code.address + sizes.hot,
            Slab::Data => self.data.address,
        });
        CacheRange::new(start, start.add(sizes.of(slab)))
    }

    /// The addresses of one kind in one unit.
    pub(crate) fn part(&self, unit: UnitId, slab: Slab) -> CacheRange {
        let bytes = self.shape.unit.of(slab);
        let start = self.slab(slab).start().add(bytes * unit.get() as u64);
        CacheRange::new(start, start.add(bytes))
    }

    /// The memory behind one kind.
    pub(crate) fn mapping(&self, slab: Slab) -> Mapping {
        if matches!(slab, Slab::Data) { self.data } else { self.code }
    }

    pub(crate) fn unit_id(&self, index: usize) -> Option<UnitId> {
        (index < self.shape.units as usize).then(|| UnitId::new(index as u64))
    }

    /// Which unit and kind an address belongs to.
    pub(crate) fn locate(&self, at: CachePc) -> Option<(UnitId, Slab)> {
        let slab = Slab::ALL.into_iter().find(|&slab| self.slab(slab).contains(at))?;
        let offset = at.get() - self.slab(slab).start().get();
        Some((UnitId::new(offset / self.shape.unit.of(slab)), slab))
    }

    /// A pointer to `bytes` bytes at `at`, when they lie in one mapping of the region.
    pub(crate) fn pointer_to(&self, at: CachePc, bytes: u64) -> Option<*mut u8> {
        [self.code, self.data].into_iter().find_map(|part| part.pointer_to(at.get(), bytes))
    }
}
