//! The target tables and the chains behind their entries.

use allocator_api2::alloc::Allocator;
use midstride_addr::CachePc;

use super::super::chain::{ChainPlace, LONGEST};
use super::super::{CodeCache, UnitPhase};
use super::{Broken, require};
use crate::emit::Landing;
use crate::exec_block::{BlockId, BlockState, ExecBlock};

impl<A: Allocator + Clone> CodeCache<A> {
    pub(super) fn check_landings(&self) -> Result<(), Broken> {
        for table in [Landing::Return, Landing::Indirect] {
            let mut listed = 0;
            for (index, at) in self.tables.landings(table) {
                listed += self.check_chain(table, index, at)?;
            }
            let mut wanted = 0;
            for (id, block) in self.blocks.iter() {
                self.check_landing(BlockId::from_number(id), block, table)?;
                wanted += usize::from(block.chain[table as usize].place != ChainPlace::Unlisted);
            }
            // The members of a chain that ends are distinct, so equal numbers mean that none is missing.
            require(listed == wanted, Broken::Chained { table, wanted, listed })?;
        }
        Ok(())
    }

    /// Checks what is behind a table entry and counts it: landings for targets of this entry, each leading to
    /// the next one, the last one to the gate.
    fn check_chain(&self, table: Landing, index: usize, first: CachePc) -> Result<usize, Broken> {
        let (mut at, mut count) = (first, 0);
        while at != self.tables.miss(table) {
            count += 1;
            let wrong = Broken::Entry { table, index, at };
            let id = self.find(at).map(|found| found.block).ok_or(wrong)?;
            let block = self.block(id).ok_or(wrong)?;
            let right = block.state == BlockState::Live
                && block.landings[table as usize] == at
                && self.tables.index(table, block.app.start()) == index
                && count <= LONGEST;
            require(right, wrong)?;
            at = self.behind(block, table).ok_or(wrong)?;
        }
        Ok(count)
    }

    /// Where the block's landing goes on for other targets, when that is where its place in the chain says.
    fn behind(&self, block: &ExecBlock, table: Landing) -> Option<CachePc> {
        let link = block.chain[table as usize];
        let (region, ..) = self.regions.locate(link.word)?;
        let word = CachePc::new(self.regions.get(region)?.read_word(link.word).ok()?);
        let ChainPlace::Before(next) = link.place else { return None };
        let next = next.and_then(|next| self.block(next));
        let wanted = next.map_or(self.tables.miss(table), |next| next.landings[table as usize]);
        (word == wanted).then_some(word)
    }

    /// A landing of a live block lies in code of its own that stays; a retired block has none that is listed.
    fn check_landing(&self, id: BlockId, block: &ExecBlock, table: Landing) -> Result<(), Broken> {
        let at = block.landings[table as usize];
        let wrong = Broken::Landing { block: id };
        let unlisted = block.chain[table as usize].place == ChainPlace::Unlisted;
        if at == CachePc::new(0) || block.state == BlockState::Retired {
            return require(unlisted, wrong);
        }
        let unit = self.regions.locate(at).map(|(region, unit, _)| crate::UnitRef { region, unit });
        let state = unit.and_then(|unit| self.units.get(self.unit_index(unit)));
        let open = state.is_some_and(|state| state.state == UnitPhase::Open);
        require(open && self.find(at).is_some_and(|found| found.block == id), wrong)
    }
}
