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

/// Ranges that are taken, and how much memory may be.
#[derive(Debug, Default)]
struct State {
    /// Start and length of each taken range.
    taken: Vec<(u64, u64)>,
    /// Address and length of each heap allocation.
    heap: Vec<(u64, u64)>,
    limit: Option<u64>,
}

impl State {
    fn mapped(&self) -> u64 {
        self.heap.iter().map(|&(_, bytes)| bytes).sum()
    }

    /// Removes the allocation at `alias` from the list, if there is one.
    fn forget(&mut self, alias: u64) -> bool {
        let index = self.heap.iter().position(|&(start, _)| start == alias);
        index.map(|index| self.heap.swap_remove(index)).is_some()
    }

    /// Removes `bytes` from `address` on from the taken ranges, splitting them where needed.
    fn give_back(&mut self, address: u64, bytes: u64) {
        let end = address + bytes;
        for (start, length) in core::mem::take(&mut self.taken) {
            let rest = [(start, address.min(start + length)), (end.max(start), start + length)];
            let kept = rest.into_iter().filter(|(from, to)| from < to);
            self.taken.extend(kept.map(|(from, to)| (from, to - from)));
        }
    }
}

/// Hands out the addresses it is asked for, with heap memory behind them. Code "at" an address
/// cannot be run, but is the same in every run of a test.
///
/// ```
/// use midstride_addr::{AppPc, AppRange};
/// use midstride_slab::{Place, Region, Sizes, fake::FakePages};
///
/// let code = AppRange::new(AppPc::new(0x5000_0000), AppPc::new(0x5010_0000));
/// let sizes = Sizes { hot: 0x10000, cold: 0x10000, data: 0x10000 };
/// let region = Region::reserve(FakePages::leak(), &Place::near(code), sizes, 2)?;
/// assert_eq!(region.range().start().get(), 0x4ffd_0000);
/// # Ok::<(), midstride_slab::AllocError>(())
/// ```
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

    /// A source that refuses when more than `bytes` would be mapped.
    #[must_use]
    pub fn leak_limited(bytes: u64) -> &'static Self {
        let fake = Self::leak();
        fake.lock().limit = Some(bytes);
        fake
    }

    /// Bytes of memory mapped now; code counts once, its two views share it.
    #[must_use]
    pub fn mapped(&self) -> u64 {
        self.lock().mapped()
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
        if state.limit.is_some_and(|limit| state.mapped() + bytes > limit) {
            return Err(refused);
        }
        // SAFETY: sizes are at least a page, so not zero.
        let pointer = unsafe { alloc_zeroed(block(bytes)) };
        if pointer.is_null() {
            return Err(refused);
        }
        let alias = pointer.expose_provenance() as u64;
        state.heap.push((alias, bytes));
        Ok(Mapping { address, alias, bytes })
    }
}

/// The heap block behind a mapping of `bytes`.
fn block(bytes: u64) -> Layout {
    Layout::from_size_align(bytes as usize, ALIGN).expect("regions are smaller than half the address space")
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
        // SAFETY: the contract hands `copy` over.
        unsafe { self.unmap(copy) };
        Ok(())
    }

    unsafe fn unmap(&self, mapping: Mapping) {
        let mut state = self.lock();
        state.give_back(mapping.address, mapping.bytes);
        if state.forget(mapping.alias) {
            let pointer = core::ptr::with_exposed_provenance_mut(mapping.alias as usize);
            // SAFETY: it was in the list, so `heap` allocated it with this layout, and it is unused
            // per the contract.
            unsafe { dealloc(pointer, block(mapping.bytes)) };
        }
    }
}
