//! Finding room: which region, which unit.

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec;
use midstride_addr::{AppPc, AppRange};
use midstride_slab::{AllocError, Place, Region, RegionId, Sizes, Slab};

use super::{COLD_BYTES, CodeCache, Growth, HOT_BYTES, UnitPhase, UnitState};
use crate::emit::{BuildError, MAX_CONSTANTS};
use crate::exec_block::UnitRef;

/// What a unit must have left for the largest block.
const NEEDS: [(Slab, u64); 3] = [
    (Slab::Hot, HOT_BYTES as u64 + 64),
    (Slab::Cold, COLD_BYTES as u64 + 64),
    (Slab::Data, MAX_CONSTANTS as u64 * 8),
];

impl<A: Allocator + Clone> UnitState<A> {
    fn open(alloc: &A) -> Self {
        Self {
            hot: Vec::new_in(alloc.clone()),
            cold: Vec::new_in(alloc.clone()),
            records: Vec::new_in(alloc.clone()),
            state: UnitPhase::Open,
        }
    }
}

impl<A: Allocator + Clone> CodeCache<A> {
    /// The region for code at `pc`: one in reach, a new one near it, or any when there is no place
    /// in reach (its operands are then re-addressed).
    pub(super) fn region_for(&mut self, pc: AppPc) -> Result<RegionId, BuildError> {
        if let Some(id) = self.regions.reaching(pc).next() {
            return Ok(id);
        }
        match self.add_region(pc) {
            Ok(id) => Ok(id),
            Err(error) => self.regions.iter().map(|(id, _)| id).next().ok_or(error),
        }
    }

    fn add_region(&mut self, pc: AppPc) -> Result<RegionId, BuildError> {
        if self.growth == Growth::Sealed {
            return Err(BuildError::NoMemory);
        }
        let region = self.reserve_near(pc).map_err(|_| BuildError::NoMemory)?;
        let units = region.units();
        // A unit in which no block fits would be full for ever. Dropping the region gives it back.
        let unit = |slab| region.sizes().of(slab) / units as u64;
        if NEEDS.iter().any(|&(slab, bytes)| unit(slab) < bytes) {
            return Err(BuildError::NoMemory);
        }
        let id = self.regions.insert(region).map_err(|_| BuildError::NoMemory)?;
        // Units of all regions lie in one array, `units` per region as configured.
        let alloc = &self.parts.alloc;
        self.units.extend(core::iter::repeat_with(|| UnitState::open(alloc)).take(units));
        Ok(id)
    }

    fn reserve_near(&self, pc: AppPc) -> Result<Region, AllocError> {
        // Libraries follow each other for tens of megabytes: leave them room on both sides.
        let margin = 64 << 20;
        let around = AppRange::new(
            AppPc::new(pc.get().saturating_sub(margin)),
            AppPc::new(pc.get().saturating_add(margin)),
        );
        let hot = self.parts.config.hot_bytes;
        let sizes = Sizes { hot, cold: hot / 2, data: hot / 4 };
        Region::reserve(self.parts.source, &Place::near(around), sizes, self.parts.config.units)
    }

    /// Index of a unit in `self.units`.
    pub(super) fn unit_index(&self, unit: UnitRef) -> usize {
        unit.region.get() * self.parts.config.units as usize + unit.unit.get()
    }

    /// The unit to place the next block of `region` in, which has room for the largest.
    ///
    /// # Errors
    /// [`BuildError::Full`] when the next unit has to be evicted first.
    pub(super) fn unit_with_room(&mut self, region: RegionId) -> Result<usize, BuildError> {
        let current = self.active[region.get()];
        if self.has_room(region, current) {
            return Ok(current);
        }
        let units = self.regions.get(region).map_or(1, Region::units);
        let next = (current + 1) % units;
        if !self.has_room(region, next) {
            return Err(BuildError::Full { region });
        }
        self.active[region.get()] = next;
        Ok(next)
    }

    fn has_room(&mut self, region: RegionId, unit: usize) -> bool {
        let open = {
            let index = region.get() * self.parts.config.units as usize + unit;
            let limit = self.parts.config.unit_pieces as usize;
            self.units.get(index).is_some_and(|unit| unit.state == UnitPhase::Open && unit.hot.len() < limit)
        };
        let unit = self.regions.get_mut(region).and_then(|region| region.unit(unit));
        open && unit.is_some_and(|unit| NEEDS.iter().all(|&(slab, bytes)| unit.left(slab) >= bytes))
    }
}
