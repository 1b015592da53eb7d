//! The target tables that indirect branches jump through.
//!
//! Each of the two has 65 536 words, indexed by the low 16 bits of the target. A word is the address of a
//! landing, which compares the whole target, or of the gate's door. So any word at any time is right, and a word is
//! replaced by one store while other threads jump through it (invariant 4).

use core::sync::atomic::{AtomicU64, Ordering};

use midstride_addr::{AppPc, CachePc};

use crate::emit::Landing;
use crate::slots::TABLE_ENTRIES;

/// Bytes of one table.
pub const TABLE_BYTES: usize = TABLE_ENTRIES * 8;

/// Both tables.
#[derive(Debug)]
pub struct Tables {
    words: [&'static [AtomicU64]; 2],
    misses: [CachePc; 2],
}

/// What storing a landing met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stored {
    /// The entry was free, or held the same.
    Fresh,
    /// A landing for another target was there.
    Replaced,
}

impl Tables {
    /// Tables over zeroed memory; all entries lead to `misses` (the gate's doors for returns and
    /// for other indirect branches).
    ///
    /// # Panics
    /// When a slice does not have [`TABLE_ENTRIES`] words.
    #[must_use]
    pub fn new(returns: &'static [AtomicU64], indirects: &'static [AtomicU64], misses: [CachePc; 2]) -> Self {
        assert!(returns.len() == TABLE_ENTRIES && indirects.len() == TABLE_ENTRIES, "a table has 2¹⁶ words");
        let tables = Self { words: [returns, indirects], misses };
        tables.clear();
        tables
    }

    /// Lets every entry lead to the gate.
    pub fn clear(&self) {
        for (words, miss) in self.words.iter().zip(self.misses) {
            for word in *words {
                word.store(miss.get(), Ordering::Relaxed);
            }
        }
    }

    /// Lets targets like `app` land at `at`.
    pub(crate) fn store(&self, landing: Landing, app: AppPc, at: CachePc) -> Stored {
        let word = &self.words[landing as usize][index(app)];
        // ORDERING: release, so that whoever jumps through the word finds the landing written. On x86
        // the emitted load is an acquire.
        let old = word.swap(at.get(), Ordering::Release);
        if old == self.misses[landing as usize].get() || old == at.get() {
            Stored::Fresh
        } else {
            Stored::Replaced
        }
    }

    /// All entries that do not lead to the gate: index and landing.
    pub(crate) fn landings(&self, table: Landing) -> impl Iterator<Item = (usize, CachePc)> {
        let miss = self.misses[table as usize];
        let words = self.words[table as usize].iter().enumerate();
        let entries = words.map(|(index, word)| (index, CachePc::new(word.load(Ordering::Relaxed))));
        entries.filter(move |&(_, at)| at != miss)
    }

    /// Takes the landing at `at` out again, when the entry still is its.
    pub(crate) fn remove(&self, landing: Landing, app: AppPc, at: CachePc) {
        let word = &self.words[landing as usize][index(app)];
        let miss = self.misses[landing as usize].get();
        // Only the holder of the engine's lock writes, so a plain compare is enough; a failure means
        // that another target took the entry.
        let _ = word.compare_exchange(at.get(), miss, Ordering::Release, Ordering::Relaxed);
    }
}

/// Where the targets like `app` have their entry.
pub(crate) fn index(app: AppPc) -> usize {
    app.get() as usize & (TABLE_ENTRIES - 1)
}
