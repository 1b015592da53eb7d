//! The target tables.

use allocator_api2::alloc::Allocator;
use midstride_addr::CachePc;

use super::super::{CodeCache, UnitPhase};
use super::{Broken, require};
use crate::emit::Landing;
use crate::exec_block::{BlockId, BlockState, ExecBlock};

impl<A: Allocator + Clone> CodeCache<A> {
    pub(super) fn check_landings(&self) -> Result<(), Broken> {
        for table in [Landing::Return, Landing::Indirect] {
            for (entry, at) in self.tables.landings(table) {
                let found = self.find(at).and_then(|found| self.block(found.block));
                let right = found.is_some_and(|block| {
                    block.state == BlockState::Live
                        && block.landings[table as usize] == at
                        && self.tables.index(table, block.app.start()) == entry
                });
                require(right, Broken::Entry { table, index: entry, at })?;
            }
            for (id, block) in self.live_blocks() {
                self.check_landing(id, block, table)?;
            }
        }
        Ok(())
    }

    /// A landing that a later one for another target drove out of the table is kept, and must stay usable.
    fn check_landing(&self, id: BlockId, block: &ExecBlock, table: Landing) -> Result<(), Broken> {
        let at = block.landings[table as usize];
        if at == CachePc::new(0) {
            return Ok(());
        }
        let unit = self.regions.locate(at).map(|(region, unit, _)| crate::UnitRef { region, unit });
        let state = unit.and_then(|unit| self.units.get(self.unit_index(unit)));
        let open = state.is_some_and(|state| state.state == UnitPhase::Open);
        let own = self.find(at).is_some_and(|found| found.block == id);
        require(open && own, Broken::Landing { block: id })
    }
}
