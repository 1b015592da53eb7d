//! The index and the lists of the pages.

use allocator_api2::alloc::Allocator;

use super::super::CodeCache;
use super::{Broken, require};
use crate::exec_block::{BlockId, BlockState, ExecBlock};
use crate::pages::pages_of;

impl<A: Allocator + Clone> CodeCache<A> {
    pub(super) fn check_lists(&self) -> Result<(), Broken> {
        for (&pc, &block) in &self.index {
            let found = self.block(block);
            let right = found.is_some_and(|found| found.state == BlockState::Live && found.app.start() == pc);
            require(right, Broken::Index { pc, block })?;
        }
        for (id, block) in self.live_blocks() {
            require(self.lookup(block.app.start()) == Some(id), Broken::Unfound { block: id })?;
        }
        let mut listed = 0;
        for page in self.pages.all() {
            listed += self.check_page(page)?;
        }
        let pages = |block: &ExecBlock| {
            let (first, last) = pages_of(block.watched());
            (last - first) as usize + 1
        };
        let wanted = self.live_blocks().map(|(_, block)| pages(block)).sum();
        // The members of a list that ends are distinct, so equal numbers mean that none is missing.
        require(listed == wanted, Broken::Listed { wanted, listed })
    }

    /// Checks a page's list and counts its members.
    fn check_page(&self, page: u64) -> Result<usize, Broken> {
        let (mut count, mut previous) = (0, None);
        for id in self.page_blocks(page) {
            count += 1;
            let block = self.block(id).filter(|block| {
                let (first, last) = pages_of(block.watched());
                let linked = || block.on_page[(page - first) as usize].previous == previous;
                block.state == BlockState::Live && (first..=last).contains(&page) && linked()
            });
            previous = Some(id);
            require(block.is_some() && count <= self.blocks.len(), Broken::Page { page })?;
        }
        Ok(count)
    }

    pub(super) fn live_blocks(&self) -> impl Iterator<Item = (BlockId, &ExecBlock)> {
        let all = self.blocks.iter().map(|(number, block)| (BlockId::from_number(number), block));
        all.filter(|(_, block)| block.state == BlockState::Live)
    }
}
