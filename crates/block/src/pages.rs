//! Which blocks stand for code on which program page.

use allocator_api2::alloc::Allocator;
use hashbrown::HashMap;
use midstride_addr::{AppPc, AppRange};

use crate::exec_block::BlockId;
use crate::hash::PcHasher;

/// log₂ of the bytes of a page.
const PAGE_SHIFT: u32 = 12;

/// For each page the head of a list of blocks; the links are in the blocks.
pub(crate) struct PageIndex<A: Allocator> {
    heads: HashMap<u64, BlockId, PcHasher, A>,
}

impl<A: Allocator + Clone> PageIndex<A> {
    pub(crate) fn new_in(alloc: A) -> Self {
        Self { heads: HashMap::with_hasher_in(PcHasher, alloc) }
    }

    pub(crate) fn head(&self, page: u64) -> Option<BlockId> {
        self.heads.get(&page).copied()
    }

    /// All pages with blocks.
    pub(crate) fn all(&self) -> impl Iterator<Item = u64> {
        self.heads.keys().copied()
    }

    /// Makes `block` the head of the page's list and answers the old one.
    pub(crate) fn push(&mut self, page: u64, block: BlockId) -> Option<BlockId> {
        self.heads.insert(page, block)
    }

    pub(crate) fn set_head(&mut self, page: u64, head: Option<BlockId>) {
        match head {
            Some(head) => drop(self.heads.insert(page, head)),
            None => drop(self.heads.remove(&page)),
        }
    }

    /// The known pages among those that `range` touches. A range of more pages than are known is
    /// answered by going through the known ones.
    pub(crate) fn touched(&self, range: AppRange) -> impl Iterator<Item = u64> + '_ {
        let (first, last) = pages_of(range);
        let small = last - first <= self.heads.len() as u64;
        let near = (first..=last).take(if small { usize::MAX } else { 0 });
        let far = self.heads.keys().copied().take(if small { 0 } else { usize::MAX });
        near.chain(far.filter(move |page| (first..=last).contains(page)))
    }
}

/// The first and the last page of a range.
pub(crate) fn pages_of(range: AppRange) -> (u64, u64) {
    let last = range.end().get().saturating_sub(1).max(range.start().get());
    (range.start().get() >> PAGE_SHIFT, last >> PAGE_SHIFT)
}

/// The page an address lies on.
#[must_use]
pub fn page_of(pc: AppPc) -> u64 {
    pc.get() >> PAGE_SHIFT
}
