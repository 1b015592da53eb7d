//! All regions of a process.

use midstride_addr::{AppPc, CachePc, rel32};

use crate::layout::{Slab, UnitId};
use crate::region::Region;

/// Names a region of a [`RegionSet`] for as long as the set lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegionId(u8);

impl RegionId {
    /// Its number, from 0 in order of insertion.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Up to `N` (at most 256) regions, found by address in O(log n).
#[derive(Debug)]
pub struct RegionSet<const N: usize> {
    regions: [Option<Region>; N],
    /// Numbers of the regions, in address order.
    order: [u8; N],
    count: usize,
}

impl<const N: usize> Default for RegionSet<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> RegionSet<N> {
    /// No regions.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N <= 256, "region numbers are bytes") };
        Self { regions: [const { None }; N], order: [0; N], count: 0 }
    }

    /// Adds a region.
    ///
    /// # Errors
    /// The region itself, when the set is full.
    #[expect(clippy::result_large_err, reason = "a failed insertion returns its input")]
    pub fn insert(&mut self, region: Region) -> Result<RegionId, Region> {
        if self.count == N {
            return Err(region);
        }
        let at = self.rank(region.range().start());
        self.order.copy_within(at..self.count, at + 1);
        let id = RegionId(self.count as u8);
        self.order[at] = id.0;
        self.regions[self.count] = Some(region);
        self.count += 1;
        Ok(id)
    }

    /// How many regions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The region with this number.
    #[must_use]
    pub fn get(&self, id: RegionId) -> Option<&Region> {
        self.regions.get(id.get())?.as_ref()
    }

    /// The region with this number, to change it.
    pub fn get_mut(&mut self, id: RegionId) -> Option<&mut Region> {
        self.regions.get_mut(id.get())?.as_mut()
    }

    /// All regions in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (RegionId, &Region)> {
        self.regions.iter().flatten().enumerate().map(|(n, region)| (RegionId(n as u8), region))
    }

    /// All regions in order of insertion, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (RegionId, &mut Region)> {
        self.regions.iter_mut().flatten().enumerate().map(|(n, region)| (RegionId(n as u8), region))
    }

    /// Whose address this is.
    #[must_use]
    pub fn locate(&self, at: CachePc) -> Option<(RegionId, UnitId, Slab)> {
        let rank = self.rank(at.add(1)).checked_sub(1)?;
        let id = RegionId(self.order[rank]);
        let (unit, slab) = self.get(id)?.locate(at)?;
        Some((id, unit, slab))
    }

    /// The regions from all of whose addresses a 32-bit displacement reaches `pc`, in address order.
    pub fn reaching(&self, pc: AppPc) -> impl Iterator<Item = RegionId> {
        self.order[..self.count].iter().map(|&n| RegionId(n)).filter(move |&id| self.reaches(id, pc))
    }

    /// Whether both ends of a region reach `pc`.
    fn reaches(&self, id: RegionId, pc: AppPc) -> bool {
        self.get(id).is_some_and(|region| {
            let range = region.range();
            [range.start(), range.end()].iter().all(|end| rel32(end.get(), pc.get()).is_some())
        })
    }

    /// How many regions start below `at`.
    fn rank(&self, at: CachePc) -> usize {
        self.order[..self.count]
            .partition_point(|&n| self.get(RegionId(n)).is_some_and(|region| region.range().start() < at))
    }
}
