//! Blocks that take the place of the jump that leads to them.
//!
//! ```text
//! before   | A … | nop | jmp stub |                 free
//! after    | A … | B …            | …               free
//! ```
//!
//! Only while one thread runs: bytes that another might be in are never rewritten. The two blocks
//! are retired together, since there is no jump left to redirect.

use allocator_api2::alloc::Allocator;
use midstride_addr::{AppPc, CachePc};
use midstride_slab::{RegionId, Slab};

use super::CodeCache;
use crate::exec_block::{BlockId, BlockState, ExitId};

impl<A: Allocator + Clone> CodeCache<A> {
    /// Where the jump of `exit` to `target` starts, when it is the last hot thing in the unit.
    pub(super) fn tail_at_end(
        &mut self,
        region: RegionId,
        unit: usize,
        exit: ExitId,
        target: AppPc,
    ) -> Option<CachePc> {
        let from = *self.exit(exit)?;
        let block = self.block(from.block)?;
        let same_unit = block.unit.region == region && block.unit.unit.get() == unit;
        let block_end = block.hot.add(u64::from(block.hot_bytes));
        let fits = block.state == BlockState::Live && from.linked.is_none() && from.target == target;
        let end = self.regions.get_mut(region)?.unit(unit)?.next(Slab::Hot, 1).ok()?;
        let ends = from.site?.end() == end && block_end == end;
        from.tail.filter(|_| same_unit && fits && ends)
    }

    /// Cuts the jump of `exit` off, when the new block is written over it; answers the block that
    /// goes on in the new one.
    pub(super) fn take_place_of(
        &mut self,
        region: RegionId,
        unit: usize,
        exit: ExitId,
        at: CachePc,
    ) -> Option<BlockId> {
        let from = self.exits.get_mut(exit.index()).filter(|from| from.tail == Some(at))?;
        (from.site, from.tail) = (None, None);
        let id = from.block;
        let block = self.blocks.get_mut(id.index())?;
        block.hot_bytes = (at.get() - block.hot.get()) as u16;
        let (unit_ref, hot_bytes) = (block.unit, block.hot_bytes);
        let index = self.unit_index(unit_ref);
        if let Some(placement) = self.units[index].hot.last_mut() {
            placement.bytes = hot_bytes;
        }
        crate::reset::retract(&mut self.regions, region, unit, at);
        Some(id)
    }
}
