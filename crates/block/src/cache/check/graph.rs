//! Exits, links and the branches that were patched for them.

use allocator_api2::alloc::Allocator;
use midstride_addr::CachePc;

use super::super::{CodeCache, Placed};
use super::{Broken, require};
use crate::exec_block::{BlockId, BlockState, ExecBlock, Exit, ExitId};

impl<A: Allocator + Clone> CodeCache<A> {
    pub(super) fn check_graph(&self) -> Result<(), Broken> {
        let mut listed = 0;
        let mut linked = 0;
        let mut incoming = 0;
        for (number, block) in self.blocks.iter() {
            let id = BlockId::from_number(number);
            listed += self.check_exits(id, block, &mut linked)?;
            incoming += self.check_incoming(id, block)?;
            require(
                block.state == BlockState::Live || block.incoming.is_none(),
                Broken::Incoming { block: id },
            )?;
            // Every listed exit is linked to this block, so equal numbers mean that none is missing.
        }
        require(listed == self.exits.len(), Broken::Owner { exits: self.exits.len(), listed })?;
        match self.blocks.iter().find(|_| incoming != linked) {
            Some((number, _)) => Err(Broken::Incoming { block: BlockId::from_number(number) }),
            None => Ok(()),
        }
    }

    /// Checks the block's exits and counts them, and the linked ones.
    fn check_exits(&self, id: BlockId, block: &ExecBlock, linked: &mut usize) -> Result<usize, Broken> {
        let mut count = 0;
        for exit_id in self.exits_of(block) {
            count += 1;
            let own = self.exit(exit_id).filter(|exit| exit.block == id && count <= self.exits.len());
            let exit = own.ok_or(Broken::Exits { block: id })?;
            require(
                exit.linked.is_none() || block.state == BlockState::Live,
                Broken::Link { exit: exit_id },
            )?;
            *linked += usize::from(exit.linked.is_some());
            self.check_branch(exit_id, exit, block)?;
        }
        Ok(count)
    }

    /// The branch leads to the stub, or to the block, or to a far link to the block.
    fn check_branch(&self, id: ExitId, exit: &Exit, source: &ExecBlock) -> Result<(), Broken> {
        let Some(site) = exit.site else {
            let fused = exit.linked.is_none_or(|to| self.is_fused(exit.block, source, to));
            return require(fused, Broken::Link { exit: id });
        };
        let region = self.regions.get(source.unit.region);
        let word = region.and_then(|region| region.read_word(site.word_address()).ok());
        let leads_to = word.and_then(|word| site.target_in(word));
        let wrong = Broken::Branch { exit: id, leads_to };
        let Some(to) = exit.linked else { return require(leads_to == Some(exit.stub), wrong) };
        let live = self.block(to).filter(|to| to.state == BlockState::Live);
        let to = live.ok_or(Broken::Link { exit: id })?;
        require(to.app.start() == exit.target, Broken::Link { exit: id })?;
        let right = match leads_to {
            None => site.end() == to.body,
            Some(at) => at == to.body || self.far_target(id, at) == Some(to.body),
        };
        require(right, wrong)
    }

    /// Whether `to` was written over the last jump of `source`, so that one runs into the other.
    fn is_fused(&self, id: BlockId, source: &ExecBlock, to: BlockId) -> bool {
        let end = source.hot.add(u64::from(source.hot_bytes));
        let to = self.block(to).filter(|to| to.state == BlockState::Live);
        to.is_some_and(|to| to.fused_to == Some(id) && to.hot == end && to.body == end)
    }

    /// Where the far link of `exit` at `at` leads.
    fn far_target(&self, exit: ExitId, at: CachePc) -> Option<CachePc> {
        let (region, unit, _) = self.regions.locate(at)?;
        let state = self.units.get(self.unit_index(crate::UnitRef { region, unit }))?;
        state.cold.iter().find(|place| place.start == at && place.what == Placed::Thunk(exit))?;
        Some(CachePc::new(self.regions.get(region)?.read_word(at.add(8)).ok()?))
    }

    /// Checks the list of exits that lead to the block and counts them.
    fn check_incoming(&self, id: BlockId, block: &ExecBlock) -> Result<usize, Broken> {
        let (mut count, mut previous) = (0, None);
        let mut next = block.incoming;
        while let Some(exit_id) = next {
            count += 1;
            let exit = self.exit(exit_id).filter(|exit| {
                exit.linked == Some(id) && exit.previous_incoming == previous && count <= self.exits.len()
            });
            next = exit.ok_or(Broken::Incoming { block: id })?.next_incoming;
            previous = Some(exit_id);
        }
        Ok(count)
    }
}
