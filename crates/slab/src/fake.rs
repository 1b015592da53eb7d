//! A page source for tests that run nothing: memory from the heap at made-up addresses.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use crate::source::{Mapping, PageError, PageSource};

/// What Linux answers when memory is short.
const OUT_OF_MEMORY: i32 = 12;
/// Aliases are aligned to this; more would make the allocator touch every page.
const ALIGN: usize = 16;

/// Ranges that are taken, and how much may be.
#[derive(Debug, Default)]
struct State {
    taken: Vec<(u64, u64)>,
    mapped: u64,
    limit: Option<u64>,
}

/// Hands out the addresses it is asked for, with heap memory behind them. Code "at" an address
/// cannot be run, but is the same in every run of a test.
#[derive(Debug, Default)]
pub struct FakePages {
    state: Mutex<State>,
}

impl FakePages {
    /// A new source, never freed, since regions keep a `'static` reference.
    #[must_use]
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// A source that refuses once more than `bytes` are mapped.
    #[must_use]
    pub fn leak_limited(bytes: u64) -> &'static Self {
        let fake = Self::leak();
        fake.lock().limit = Some(bytes);
        fake
    }

    /// Bytes mapped now, both views of code counted.
    #[must_use]
    pub fn mapped(&self) -> u64 {
        self.lock().mapped
    }

    /// Bytes of address space taken now.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.lock().taken.iter().map(|&(_, bytes)| bytes).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heap(&self, address: u64, bytes: u64) -> Result<Mapping, PageError> {
        let mut state = self.lock();
        let refused = PageError::Refused { address, bytes, errno: OUT_OF_MEMORY };
        if state.limit.is_some_and(|limit| state.mapped + bytes > limit) {
            return Err(refused);
        }
        let layout = Layout::from_size_align(bytes as usize, ALIGN).map_err(|_| refused)?;
        // SAFETY: sizes are at least a page, so not zero.
        let pointer = unsafe { alloc_zeroed(layout) };
        if pointer.is_null() {
            return Err(refused);
        }
        state.mapped += bytes;
        Ok(Mapping { address, alias: pointer.expose_provenance() as u64, bytes })
    }

    fn free(&self, mapping: Mapping) {
        let layout = Layout::from_size_align(mapping.bytes as usize, ALIGN);
        let layout = layout.expect("the size was accepted when it was allocated");
        // SAFETY: `heap` allocated it with this layout; `unmap`'s contract says it is unused.
        unsafe { dealloc(core::ptr::with_exposed_provenance_mut(mapping.alias as usize), layout) };
        self.lock().mapped -= mapping.bytes;
    }

    /// Removes `bytes` from `address` on from the taken ranges, splitting them where needed.
    fn give_back(&self, address: u64, bytes: u64) {
        let end = address + bytes;
        let mut state = self.lock();
        let taken = core::mem::take(&mut state.taken);
        for (start, length) in taken {
            let rest = [(start, address.min(start + length)), (end.max(start), start + length)];
            state
                .taken
                .extend(rest.into_iter().filter(|(from, to)| from < to).map(|(from, to)| (from, to - from)));
        }
    }
}

// SAFETY: memory behind an alias is a heap allocation of `bytes`, zeroed, aligned to 16, exposed in
// `heap`, freed in `unmap` only. Nothing is executable at all.
unsafe impl PageSource for FakePages {
    fn reserve_at(&self, address: u64, bytes: u64) -> Result<(), PageError> {
        let mut state = self.lock();
        if state.taken.iter().any(|&(start, length)| address < start + length && start < address + bytes) {
            return Err(PageError::Taken { address, bytes });
        }
        state.taken.push((address, bytes));
        Ok(())
    }

    unsafe fn map_code(&self, address: u64, bytes: u64) -> Result<Mapping, PageError> {
        self.heap(address, bytes)
    }

    unsafe fn map_data(&self, address: u64, bytes: u64) -> Result<Mapping, PageError> {
        self.heap(address, bytes)
    }

    fn new_copy(&self, bytes: u64) -> Result<Mapping, PageError> {
        let mapping = self.heap(0, bytes)?;
        Ok(Mapping { address: mapping.alias, ..mapping })
    }

    unsafe fn adopt_copy(&self, copy: Mapping, code: Mapping) -> Result<(), PageError> {
        let from: *const u8 = core::ptr::with_exposed_provenance(copy.alias as usize);
        let to: *mut u8 = core::ptr::with_exposed_provenance_mut(code.alias as usize);
        // SAFETY: two allocations of equal size from `heap`, unused by others per the contract.
        unsafe { core::ptr::copy_nonoverlapping(from, to, code.bytes as usize) };
        self.free(copy);
        Ok(())
    }

    unsafe fn unmap(&self, mapping: Mapping) {
        if mapping.alias == mapping.address && !self.is_copy(mapping) {
            return self.give_back(mapping.address, mapping.bytes);
        }
        self.free(mapping);
        self.give_back(mapping.address, mapping.bytes);
    }
}

impl FakePages {
    /// Whether a mapping with equal addresses is heap memory (from `new_copy`) rather than a bare
    /// reservation: reservations are listed.
    fn is_copy(&self, mapping: Mapping) -> bool {
        let end = mapping.address + mapping.bytes;
        !self.lock().taken.iter().any(|&(start, length)| mapping.address < start + length && start < end)
    }
}
