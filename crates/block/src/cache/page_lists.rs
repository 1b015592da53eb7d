//! The lists of blocks that lie on a page: what changes with the page's bytes.

use allocator_api2::alloc::Allocator;
use midstride_addr::{AppPc, AppRange};

use super::CodeCache;
use crate::exec_block::{BlockId, ExecBlock, PageLinks};
use crate::pages::{page_of, pages_of};

impl<A: Allocator + Clone> CodeCache<A> {
    pub(super) fn block_in(&self, range: AppRange) -> Option<BlockId> {
        self.pages.touched(range).find_map(|page| {
            self.page_blocks(page)
                .find(|&id| self.block(id).is_some_and(|block| block.watched().overlaps(range)))
        })
    }

    /// The blocks that end with the program byte before `end`.
    pub fn blocks_before(&self, end: AppPc) -> impl Iterator<Item = (BlockId, &ExecBlock)> + '_ {
        let last = AppPc::new(end.get().wrapping_sub(1));
        let on_page = self.page_blocks(page_of(last)).filter_map(|id| Some((id, self.block(id)?)));
        on_page.filter(move |(_, block)| block.app.end() == end)
    }

    /// The blocks on a page.
    pub(super) fn page_blocks(&self, page: u64) -> impl Iterator<Item = BlockId> + '_ {
        core::iter::successors(self.pages.head(page), move |&id| self.next_on_page(id, page))
    }

    fn next_on_page(&self, id: BlockId, page: u64) -> Option<BlockId> {
        let block = self.block(id)?;
        let (first, _) = pages_of(block.watched());
        block.on_page.get((page - first) as usize)?.next
    }

    /// Puts a block into the lists of its pages.
    pub(super) fn join_pages(&mut self, id: BlockId) {
        for page in self.pages_under(id) {
            let next = self.pages.push(page, id);
            if let Some(own) = self.links_on(id, page) {
                *own = PageLinks { previous: None, next };
            }
            if let Some(after) = next.and_then(|next| self.links_on(next, page)) {
                after.previous = Some(id);
            }
        }
    }

    /// Takes a block out of the lists of its pages. A page may have a block for each of its bytes: nothing
    /// here goes through the list.
    pub(super) fn leave_pages(&mut self, id: BlockId) {
        for page in self.pages_under(id) {
            let Some(PageLinks { previous, next }) = self.links_on(id, page).map(core::mem::take) else {
                return;
            };
            if let Some(after) = next.and_then(|next| self.links_on(next, page)) {
                after.previous = previous;
            }
            match previous.and_then(|previous| self.links_on(previous, page)) {
                Some(before) => before.next = next,
                None => self.pages.set_head(page, next),
            }
        }
    }

    /// The pages a block lies on: no instruction stream of one block touches more than two.
    fn pages_under(&self, id: BlockId) -> impl Iterator<Item = u64> + use<A> {
        let pages = self.block(id).map(|block| pages_of(block.watched()));
        pages.into_iter().flat_map(|(first, last)| first..=last).take(2)
    }

    /// A block's neighbours in the list of a page it lies on.
    fn links_on(&mut self, id: BlockId, page: u64) -> Option<&mut PageLinks> {
        let block = self.blocks.get_mut(id.index())?;
        let (first, _) = pages_of(block.watched());
        block.on_page.get_mut(page.checked_sub(first)? as usize)
    }
}
