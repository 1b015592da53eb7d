//! An instance's context: the memory behind r15.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::VmHeader;

/// Interrupts an instance from any thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<Context>);

impl InterruptHandle {
    /// Makes the instance's code trap with [`TrapKind::Interrupted`](crate::TrapKind::Interrupted) at the
    /// next function entry or loop, or as soon as it runs.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// The memory of a context.
#[derive(Debug)]
pub(crate) struct Context {
    memory: NonNull<VmHeader>,
    bytes: usize,
}

// SAFETY: other threads reach only the atomic fields: everything else needs the raw pointer, and says
// so.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Zeroed memory of `bytes`, at least a header.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        let layout = Self::layout(bytes.max(size_of::<VmHeader>()));
        // SAFETY: the size is not 0.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory.cast()) else { handle_alloc_error(layout) };
        Arc::new(Self { memory, bytes: layout.size() })
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, align_of::<VmHeader>()).unwrap_or(Layout::new::<VmHeader>())
    }

    /// Its address, as compiled code has it in r15.
    pub(crate) fn address(&self) -> u64 {
        self.memory.as_ptr().expose_provenance() as u64
    }

    /// The header, to be read and written through the pointer: compiled code does so too.
    pub(crate) fn header(&self) -> *mut VmHeader {
        self.memory.as_ptr()
    }

    /// A pointer to a cell at an offset that the layout gave.
    pub(crate) fn cell<T>(&self, offset: i32) -> *mut T {
        debug_assert!(offset as usize + size_of::<T>() <= self.bytes);
        // SAFETY: offsets of the layout lie inside the allocation, which was made for it.
        unsafe { self.memory.as_ptr().byte_add(offset as usize) }.cast()
    }

    /// The limit that compiled code compares its stack pointer with.
    pub(crate) fn limit(&self) -> &AtomicU64 {
        // SAFETY: zeroed memory is an atomic, and it is only accessed as one (by compiled code with
        // plain loads, which are the same instruction).
        unsafe { &(*self.memory.as_ptr()).limit }
    }

    fn wanted(&self) -> &AtomicU64 {
        // SAFETY: as for `limit`.
        unsafe { &(*self.memory.as_ptr()).interrupt }
    }

    /// Asks the code to stop at its next poll.
    pub(crate) fn interrupt(&self) {
        // ORDERING: Release, with the Acquire in `take_interrupt`: who sees the limit sees the wish.
        self.wanted().store(1, Ordering::Release);
        self.limit().store(u64::MAX, Ordering::Release);
    }

    /// Whether somebody asked; puts the limit back to `limit`.
    pub(crate) fn take_interrupt(&self, limit: u64) -> bool {
        // ORDERING: the limit first: a wish that comes between the two is taken now, and its limit stays
        // for an empty poll.
        self.limit().store(limit, Ordering::Release);
        self.wanted().swap(0, Ordering::AcqRel) != 0
    }

    pub(crate) fn handle(self: &Arc<Self>) -> InterruptHandle {
        InterruptHandle(self.clone())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout.
        unsafe { dealloc(self.memory.as_ptr().cast(), Self::layout(self.bytes)) };
    }
}
