//! What a code cache has below 2 GiB: a thread context, doors, tables.
#![allow(unsafe_code, reason = "hands out words of a mapping of its own")]

use std::ptr::with_exposed_provenance;
use std::sync::atomic::{AtomicU64, Ordering};

use midstride_addr::CachePc;
use midstride_block::{Door, Doors, Rotate, Slot, TABLE_BYTES, TABLE_ENTRIES, Tables};
use midstride_os::LINUX_PAGES;
use midstride_slab::PageSource;

const DOORS_AT: u64 = 0x1000;
const TABLES_AT: u64 = 0x2000;

/// The memory. Stays mapped until the process ends, as tables want it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Low {
    start: u64,
}

impl Low {
    pub(crate) fn new() -> Self {
        let bytes = TABLES_AT + 2 * TABLE_BYTES as u64;
        Self { start: LINUX_PAGES.reserve_low(bytes).expect("low memory").address }
    }

    /// Address of the context.
    pub(crate) fn context(&self) -> u64 {
        self.start
    }

    pub(crate) fn doors(&self) -> Doors {
        let [returns, indirects] = self.tables();
        Doors { gates: (self.start + DOORS_AT) as i32, returns: returns as i32, indirects: indirects as i32 }
    }

    /// Lets doors lead to these addresses, and makes tables whose misses lead to doors.
    pub(crate) fn connect(&self, doors: [u64; Door::ALL.len()], rotate: Rotate) -> Tables {
        for (word, address) in words(self.start + DOORS_AT, doors.len()).iter().zip(doors) {
            word.store(address, Ordering::Relaxed);
        }
        let [returns, indirects] = self.tables().map(|table| words(table, TABLE_ENTRIES));
        let misses = [Door::Return, Door::Indirect].map(|door| CachePc::new(doors[door as usize]));
        Tables::new(returns, indirects, misses, rotate)
    }

    /// What a slot of the context holds.
    pub(crate) fn slot(&self, slot: Slot) -> u64 {
        words(self.start, Slot::BYTES / 8)[slot as usize].load(Ordering::Relaxed)
    }

    fn tables(&self) -> [u64; 2] {
        [self.start + TABLES_AT, self.start + TABLES_AT + TABLE_BYTES as u64]
    }
}

fn words(address: u64, count: usize) -> &'static [AtomicU64] {
    let from = with_exposed_provenance::<AtomicU64>(address as usize);
    // SAFETY: callers name parts of the mapping, 8-byte aligned, which is never unmapped.
    unsafe { std::slice::from_raw_parts(from, count) }
}
