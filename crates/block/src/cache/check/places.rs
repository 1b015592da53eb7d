//! What lies where.

use allocator_api2::alloc::Allocator;
use midstride_addr::CachePc;
use midstride_slab::{RegionId, Slab};

use super::super::{CodeCache, Placed, Placement, UnitState};
use super::{Broken, require};

impl<A: Allocator + Clone> CodeCache<A> {
    pub(super) fn check_places(&self) -> Result<(), Broken> {
        let mut places = 0;
        for (region, units) in self.region_units() {
            for unit in 0..units {
                let state = &self.units[region.get() * self.parts.config.units as usize + unit];
                self.check_slab(region, unit, Slab::Hot, &state.hot)?;
                self.check_slab(region, unit, Slab::Cold, &state.cold)?;
                state.hot.iter().chain(&state.cold).try_for_each(|place| check_records(state, place))?;
                places += state.hot.iter().filter(|place| place.what == Placed::Block).count();
            }
        }
        require(places == self.blocks.len(), Broken::Placed { blocks: self.blocks.len(), places })
    }

    /// Places lie in their unit's slab, one behind the other, and those of blocks are of blocks of this unit.
    fn check_slab(&self, region: RegionId, unit: usize, slab: Slab, all: &[Placement]) -> Result<(), Broken> {
        let mut free = CachePc::new(0);
        for place in all {
            let wrong = Broken::Place { at: place.start };
            let last = place.start.add(u64::from(place.bytes).saturating_sub(1));
            let inside = [place.start, last].iter().all(|&at| {
                self.regions.locate(at).is_some_and(|(r, u, s)| (r, u.get(), s) == (region, unit, slab))
            });
            require(inside && free <= place.start, wrong)?;
            free = place.start.add(u64::from(place.bytes));
            let Placed::Block = place.what else { continue };
            let block = self.block(place.block).ok_or(wrong)?;
            let start = if slab == Slab::Hot { block.hot } else { block.cold };
            let here = (block.unit.region, block.unit.unit.get()) == (region, unit);
            require(here && start == place.start, wrong)?;
        }
        Ok(())
    }
}

fn check_records<A: Allocator>(unit: &UnitState<A>, place: &Placement) -> Result<(), Broken> {
    let first = place.first_record as usize;
    let records = unit.records.get(first..first + usize::from(place.record_count));
    let sorted = records.is_some_and(|records| records.is_sorted_by_key(|record| record.cache_offset));
    require(sorted, Broken::Records { at: place.start })
}
