//! The target tables that indirect branches jump through.
//!
//! Each of the two has 65 536 words, indexed by the low 16 bits of the target. A word is the address of a
//! landing, which compares the whole target, or of the gate's door. So any word at any time is right, and a word is
//! replaced by one store while other threads jump through it (invariant 4).

use core::sync::atomic::{AtomicU64, Ordering};

use midstride_addr::{AppPc, CachePc};

use crate::emit::{Landing, Rotate};
use crate::slots::TABLE_ENTRIES;

/// Low bits of an indirect branch's target that do not choose its entry, with BMI2.
pub(crate) const INDIRECT_SHIFT: u8 = 4;

/// Bytes of one table.
pub const TABLE_BYTES: usize = TABLE_ENTRIES * 8;

/// Both tables.
#[derive(Debug)]
pub struct Tables {
    words: [&'static [AtomicU64]; 2],
    misses: [CachePc; 2],
    rotate: Rotate,
}

impl Tables {
    /// Tables over zeroed memory; all entries lead to `misses` (the gate's doors for returns and
    /// for other indirect branches).
    ///
    /// # Panics
    /// When a slice does not have [`TABLE_ENTRIES`] words.
    #[must_use]
    pub fn new(
        returns: &'static [AtomicU64],
        indirects: &'static [AtomicU64],
        misses: [CachePc; 2],
        rotate: Rotate,
    ) -> Self {
        assert!(returns.len() == TABLE_ENTRIES && indirects.len() == TABLE_ENTRIES, "a table has 2¹⁶ words");
        let tables = Self { words: [returns, indirects], misses, rotate };
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
    pub(crate) fn store(&self, landing: Landing, app: AppPc, at: CachePc) {
        // ORDERING: release, so that whoever jumps through the word finds the landing written. On x86
        // the emitted load is an acquire.
        self.words[landing as usize][self.index(landing, app)].store(at.get(), Ordering::Release);
    }

    /// Where a target without a landing goes.
    pub(crate) fn miss(&self, landing: Landing) -> CachePc {
        self.misses[landing as usize]
    }

    /// Which entry targets like `app` have.
    pub(crate) fn index(&self, landing: Landing, app: AppPc) -> usize {
        let shift =
            if landing == Landing::Indirect && self.rotate == Rotate::Rorx { INDIRECT_SHIFT } else { 0 };
        (app.get() >> shift) as usize & (TABLE_ENTRIES - 1)
    }

    /// All entries that do not lead to the gate: index and landing.
    pub(crate) fn landings(&self, table: Landing) -> impl Iterator<Item = (usize, CachePc)> {
        let miss = self.misses[table as usize];
        let words = self.words[table as usize].iter().enumerate();
        let entries = words.map(|(index, word)| (index, CachePc::new(word.load(Ordering::Relaxed))));
        entries.filter(move |&(_, at)| at != miss)
    }
}
