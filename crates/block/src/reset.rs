//! Reuse of a unit's memory.
#![allow(unsafe_code, reason = "says why no thread can be inside a unit that is reused")]

use midstride_slab::{RegionId, RegionSet};

use crate::cache::MAX_REGIONS;

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
