//! Taking blocks out again: one, a range of program code, a unit, everything.
//!
//! A retired block leaves the tables and nothing is linked to it, but its bytes stay until every thread has
//! passed a quiescent point (invariant 5); its own exits are unlinked, so a thread inside it soon
//! comes to the gate.

use allocator_api2::alloc::Allocator;
use midstride_addr::{AppRange, CachePc};
use midstride_slab::RegionId;

use super::{CodeCache, Placed, UnitPhase, Ways};
use crate::emit::Landing;
use crate::exec_block::{BlockId, BlockState, ExecBlock, ExitId};

/// What an eviction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retired {
    /// All threads must have passed this epoch.
    pub epoch: u64,
}

impl<A: Allocator + Clone> CodeCache<A> {
    /// Retires every block that stands for code in `range`, and answers how many there were.
    pub fn invalidate(&mut self, range: AppRange) -> u64 {
        let before = self.stats.invalidated;
        while let Some(id) = self.block_in(range) {
            self.retire(id);
            self.stats.invalidated += 1;
        }
        self.stats.invalidated - before
    }

    /// Whether any live block stands for code in `range`.
    #[must_use]
    pub fn has_code_in(&self, range: AppRange) -> bool {
        self.block_in(range).is_some()
    }

    /// All live blocks.
    pub fn blocks(&self) -> impl Iterator<Item = (BlockId, &ExecBlock)> + '_ {
        let live = |(_, block): &(u32, &ExecBlock)| block.state == BlockState::Live;
        self.blocks.iter().filter(live).map(|(number, block)| (BlockId::from_number(number), block))
    }

    /// Takes one block out of everything that leads to it; with it go the blocks that run into it without a
    /// jump. There may be thousands of those, one before the other: no recursion.
    pub fn retire(&mut self, id: BlockId) {
        let mut next = Some(id);
        while let Some(id) = next {
            next = self.retire_one(id);
        }
    }

    /// Answers the block that runs into this one.
    fn retire_one(&mut self, id: BlockId) -> Option<BlockId> {
        let block = self.block(id).copied().filter(|block| block.state == BlockState::Live)?;
        while let Some(exit) = self.block(id).and_then(|block| block.incoming) {
            self.unlink(exit);
        }
        for landing in [Landing::Return, Landing::Indirect] {
            self.unlist(id, landing);
        }
        if self.index.get(&block.app.start()) == Some(&id) {
            self.index.remove(&block.app.start());
        }
        self.leave_pages(id);
        self.unlink_exits(id);
        if let Some(block) = self.blocks.get_mut(id.index()) {
            block.state = BlockState::Retired;
        }
        self.parts.observer.retired(id, &block);
        block.fused_to
    }

    fn unlink_exits(&mut self, id: BlockId) {
        let mut next = self.block(id).and_then(|block| block.first_exit);
        while let Some(exit) = next {
            self.unlink(exit);
            next = self.exit(exit).and_then(|exit| exit.next_in_block);
        }
    }

    /// Retires what lies in the unit that `region` needs next.
    pub fn retire_next_unit(&mut self, region: RegionId, epoch: u64) -> Retired {
        let units = self.regions.get(region).map_or(1, midstride_slab::Region::units);
        let next = (self.active[region.get()] + 1) % units;
        self.retire_unit(region, next, epoch)
    }

    fn retire_unit(&mut self, region: RegionId, unit: usize, epoch: u64) -> Retired {
        let index = region.get() * self.parts.config.units as usize + unit;
        if let UnitPhase::Retired { epoch } = self.units[index].state {
            return Retired { epoch };
        }
        for position in 0..self.units[index].hot.len() {
            let placement = self.units[index].hot[position];
            match placement.what {
                Placed::Block => self.retire(placement.block),
                Placed::Landing(landing) => self.retire_landing(placement.block, landing, placement.start),
                Placed::Thunk(_) => {}
            }
        }
        for position in 0..self.units[index].cold.len() {
            if let Placed::Thunk(exit) = self.units[index].cold[position].what {
                self.unlink(exit);
            }
        }
        self.units[index].state = UnitPhase::Retired { epoch };
        self.stats.evictions += 1;
        Retired { epoch }
    }

    /// Takes a landing that lies apart from its block out of the table.
    fn retire_landing(&mut self, id: BlockId, landing: Landing, start: CachePc) {
        // A newer one may lie elsewhere.
        if self.block(id).is_none_or(|block| block.landings[landing as usize] != start) {
            return;
        }
        self.unlist(id, landing);
        if let Some(block) = self.blocks.get_mut(id.index()) {
            block.landings[landing as usize] = CachePc::new(0);
        }
    }

    /// Frees the retired units that all threads have left: those retired before `passed`, the oldest
    /// epoch that some thread may still be in.
    pub fn reclaim(&mut self, passed: u64) {
        for (id, units) in self.region_units() {
            for unit in 0..units {
                let index = id.get() * self.parts.config.units as usize + unit;
                let free = matches!(self.units[index].state, UnitPhase::Retired { epoch } if epoch < passed);
                if free {
                    self.free_unit(id, unit, index);
                }
            }
        }
    }

    pub(super) fn region_units(&self) -> impl Iterator<Item = (RegionId, usize)> + use<A> {
        let mut all = [None; super::MAX_REGIONS];
        for (slot, (id, region)) in all.iter_mut().zip(self.regions.iter()) {
            *slot = Some((id, region.units()));
        }
        all.into_iter().flatten()
    }

    fn free_unit(&mut self, region: RegionId, unit: usize, index: usize) {
        for position in 0..self.units[index].hot.len() {
            let placement = self.units[index].hot[position];
            if placement.what == Placed::Block {
                self.forget(placement.block);
            }
        }
        let state = &mut self.units[index];
        state.hot.clear();
        state.cold.clear();
        state.records.clear();
        state.state = UnitPhase::Open;
        crate::reset::reset_unit(&mut self.regions, region, unit);
    }

    /// Gives the numbers of a retired block and its exits back.
    fn forget(&mut self, id: BlockId) {
        let Some(block) = self.blocks.remove(id.get()) else { return };
        let mut next = block.first_exit;
        while let Some(exit) = next {
            next = self.exits.remove(exit.get()).and_then(|exit| exit.next_in_block);
        }
    }

    /// Unlinks every exit and empties the tables, so that every thread soon comes to the gate. Nothing is
    /// linked until [`Self::reconnect`]: a thread that comes at once would link anew what one that
    /// sleeps now would then go round in.
    pub fn disconnect(&mut self) {
        if self.ways == Ways::ThroughGate {
            return;
        }
        self.ways = Ways::ThroughGate;
        for number in 0..self.exits.capacity() {
            self.unlink(ExitId::from_number(number));
        }
        self.unlist_all();
    }

    /// Lets blocks be linked again, as they are used.
    pub fn reconnect(&mut self) {
        self.ways = Ways::Direct;
    }

    /// Retires everything.
    pub fn retire_all(&mut self, epoch: u64) {
        for (region, units) in self.region_units() {
            for unit in 0..units {
                self.retire_unit(region, unit, epoch);
            }
        }
    }
}
