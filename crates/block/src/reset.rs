//! Reuse of a unit's memory.
#![allow(unsafe_code, reason = "says why no thread can be inside a unit that is reused")]

use midstride_addr::CachePc;
use midstride_slab::{RegionId, RegionSet};

use crate::cache::MAX_REGIONS;

/// Frees the hot bytes from `from` on, which are the jump that a new block replaces. The engine's one
/// thread is in the gate (`Order::follows` says so), and the block is written before it leaves.
pub(crate) fn retract(regions: &mut RegionSet<MAX_REGIONS>, region: RegionId, unit: usize, from: CachePc) {
    if let Some(mut found) = regions.get_mut(region).and_then(|region| region.unit(unit)) {
        // SAFETY: as said above; a block for the exit's target lies there before any thread runs.
        unsafe { found.retract_hot(from) };
    }
}

/// Makes all bytes of a unit free.
///
/// Called for units only that were retired (so nothing leads into them: `retire_unit` unlinked all exits to
/// their blocks and took their landings out of the tables) and whose epoch every thread has passed (so
/// no thread is inside: `reclaim` compared).
pub(crate) fn reset_unit(regions: &mut RegionSet<MAX_REGIONS>, region: RegionId, unit: usize) {
    let found = regions.get_mut(region).and_then(|region| region.unit(unit));
    if let Some(mut found) = found {
        // SAFETY: as said above; both are the caller's checks, in the only file that calls this.
        unsafe { found.reset() };
    }
}
