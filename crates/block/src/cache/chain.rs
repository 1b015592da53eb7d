//! Landings of targets that share a table entry.
//!
//! The table leads to the newest of them; a landing that compares in vain jumps through a word of its
//! own, to the next landing or to the gate's door:
//!
//! ```text
//! table[i] ──► landing C ──► landing B ──► landing A ──► door
//!              [word C]      [word B]      [word A]
//! ```
//!
//! Words change by one aligned store. Whoever reads an old one comes to a landing that still compares,
//! and whose code stays until all threads have left it.

use allocator_api2::alloc::Allocator;
use midstride_addr::CachePc;

use super::{CodeCache, Ways};
use crate::emit::Landing;
use crate::exec_block::BlockId;

/// Landings behind one entry; the oldest is dropped, and found again through the gate.
pub(super) const LONGEST: usize = 8;

/// A block's place in the chain of one table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ChainLink {
    /// Where the landing's word lies; 0 without a landing.
    pub(crate) word: CachePc,
    pub(crate) place: ChainPlace,
}

/// Whether a landing can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ChainPlace {
    #[default]
    Unlisted,
    /// Before this block's landing, or the last.
    Before(Option<BlockId>),
}

impl<A: Allocator + Clone> CodeCache<A> {
    fn chain_key(&self, id: BlockId, landing: Landing) -> Option<u32> {
        let block = self.block(id)?;
        let index = self.tables.index(landing, block.app.start());
        Some((landing as u32) << 16 | index as u32)
    }

    fn landing_at(&self, id: Option<BlockId>, landing: Landing) -> CachePc {
        let block = id.and_then(|id| self.block(id));
        block.map_or(self.tables.miss(landing), |block| block.landings[landing as usize])
    }

    fn next_in_chain(&self, id: BlockId, landing: Landing) -> Option<BlockId> {
        match self.block(id)?.chain[landing as usize].place {
            ChainPlace::Before(next) => next,
            ChainPlace::Unlisted => None,
        }
    }

    fn set_place(&mut self, id: BlockId, landing: Landing, place: ChainPlace) {
        if let Some(block) = self.blocks.get_mut(id.index()) {
            block.chain[landing as usize].place = place;
        }
    }

    /// Lets the landing's word lead to the landing of `next`, or to the gate.
    fn point(&self, id: BlockId, landing: Landing, next: Option<BlockId>) {
        let Some(word) = self.block(id).map(|block| block.chain[landing as usize].word) else { return };
        let region = self.regions.locate(word).and_then(|(region, ..)| self.regions.get(region));
        if let Some(region) = region {
            crate::patch::set_data(region, word, self.landing_at(next, landing).get());
        }
    }

    /// Makes the block's landing the first of its entry, unless it is listed already.
    pub(super) fn list(&mut self, id: BlockId, landing: Landing) {
        let Some(block) = self.block(id).copied() else { return };
        let Some(key) = self.chain_key(id, landing) else { return };
        if self.ways == Ways::ThroughGate || block.chain[landing as usize].place != ChainPlace::Unlisted {
            return;
        }
        let head = self.heads.insert(key, id);
        self.set_place(id, landing, ChainPlace::Before(head));
        self.point(id, landing, head);
        self.tables.store(landing, block.app.start(), block.landings[landing as usize]);
        if head.is_some() {
            self.stats.table_conflicts += 1;
            self.trim(id, landing);
        }
    }

    /// Drops what is behind the longest chain allowed.
    fn trim(&mut self, head: BlockId, landing: Landing) {
        let mut chain = core::iter::successors(Some(head), |&id| self.next_in_chain(id, landing));
        if let Some(last) = chain.nth(LONGEST) {
            self.unlist(last, landing);
        }
    }

    /// Takes the block's landing out of its entry's chain.
    pub(super) fn unlist(&mut self, id: BlockId, landing: Landing) {
        let Some(ChainPlace::Before(next)) = self.block(id).map(|block| block.chain[landing as usize].place)
        else {
            return;
        };
        let (Some(block), Some(key)) = (self.block(id).copied(), self.chain_key(id, landing)) else { return };
        let head = self.heads.get(&key).copied();
        if head == Some(id) {
            self.tables.store(landing, block.app.start(), self.landing_at(next, landing));
            match next {
                Some(next) => drop(self.heads.insert(key, next)),
                None => drop(self.heads.remove(&key)),
            }
        } else {
            let mut chain = core::iter::successors(head, |&at| self.next_in_chain(at, landing));
            if let Some(before) = chain.find(|&at| self.next_in_chain(at, landing) == Some(id)) {
                self.point(before, landing, next);
                self.set_place(before, landing, ChainPlace::Before(next));
            }
        }
        self.set_place(id, landing, ChainPlace::Unlisted);
    }

    /// Empties both tables: every indirect branch leads to the gate.
    pub(super) fn unlist_all(&mut self) {
        self.tables.clear();
        for number in 0..self.blocks.capacity() {
            for landing in [Landing::Return, Landing::Indirect] {
                self.set_place(BlockId::from_number(number), landing, ChainPlace::Unlisted);
            }
        }
        self.heads.clear();
    }
}
