//! The engine's own memory: size classes over pages from the kernel. It never calls the program's allocator.
#![allow(unsafe_code, reason = "implements an allocator over raw pages")]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use allocator_api2::alloc::{AllocError, Allocator};
use midstride_os::mem::{Advice, Backing, MapFlags, Prot, madvise, mmap, munmap};

/// Small blocks have 2⁴ … 2¹⁵ bytes.
const SMALLEST_SHIFT: u32 = 4;
const CLASSES: usize = 12;
const LARGEST: usize = 1 << (SMALLEST_SHIFT as usize + CLASSES - 1);
/// Pages are taken from the kernel in pieces of this many bytes.
const CHUNK: usize = 256 << 10;

/// A heap; a `static`, usually. Blocks up to 32 KiB come from free lists by power of two, larger ones are
/// mapped one by one.
pub struct Heap {
    busy: AtomicBool,
    state: core::cell::UnsafeCell<State>,
}

struct State {
    free: [*mut Free; CLASSES],
    next: usize,
    end: usize,
    mapped: usize,
    /// Pages kept for when the kernel gives no more: next, end.
    reserve: [usize; 2],
    /// Whether the kernel may still be asked.
    source: Source,
}

/// Where fresh pages come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Kernel,
    /// The kernel is asked last: a system-call filter of the program's may kill the process for it.
    Reserve,
}

struct Free {
    next: *mut Free,
}

// SAFETY: `state` is only touched between `enter` and `leave`, which admit one thread.
unsafe impl Sync for Heap {}
// SAFETY: as above; the pages belong to no thread.
unsafe impl Send for Heap {}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

impl Heap {
    /// A heap without memory.
    #[must_use]
    pub const fn new() -> Self {
        let state = State {
            free: [core::ptr::null_mut(); CLASSES],
            next: 0,
            end: 0,
            mapped: 0,
            reserve: [0; 2],
            source: Source::Kernel,
        };
        Self { busy: AtomicBool::new(false), state: core::cell::UnsafeCell::new(state) }
    }

    /// Bytes taken from the kernel and not given back.
    #[must_use]
    pub fn mapped_bytes(&self) -> usize {
        self.with(|state| state.mapped)
    }

    /// Takes `bytes` from the kernel now, to be used when it refuses later: a program that has used up
    /// its own address space goes on, and so must we. Does nothing when there is such a reserve already.
    pub fn keep_reserve(&self, bytes: usize) {
        if self.with(|state| state.reserve[1] - state.reserve[0]) >= bytes / 2 {
            return;
        }
        let Some(start) = map(bytes) else { return };
        self.with(|state| {
            state.reserve = [start, start + bytes];
            state.mapped += bytes;
        });
    }

    /// From now on the reserve is used first: the program is about to forbid system calls.
    pub fn seal(&self) {
        self.with(|state| state.source = Source::Reserve);
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        // Held for a few instructions, and by threads in the gate only, whose signals wait.
        while self.busy.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: the flag was false and is true now, so no other thread is here.
        let result = work(unsafe { &mut *self.state.get() });
        self.busy.store(false, Ordering::Release);
        result
    }
}

/// The class of a request, or `None` when it is mapped by itself.
fn class_of(layout: Layout) -> Option<usize> {
    let bytes = layout.size().max(layout.align()).max(1 << SMALLEST_SHIFT).next_power_of_two();
    (bytes <= LARGEST).then(|| (bytes.trailing_zeros() - SMALLEST_SHIFT) as usize)
}

fn map(bytes: usize) -> Option<usize> {
    // SAFETY: the kernel chooses free addresses.
    let mapped =
        unsafe { mmap(0, bytes as u64, Prot::READ | Prot::WRITE, MapFlags::PRIVATE, Backing::Anonymous) };
    let address = mapped.ok()?;
    // SAFETY: what was just mapped; only core dumps change.
    let _ = unsafe { madvise(address, bytes as u64, Advice::DontDump) };
    Some(address as usize)
}

impl State {
    fn take(&mut self, class: usize) -> *mut u8 {
        let head = self.free[class];
        if !head.is_null() {
            // SAFETY: blocks on a free list are at least 16 bytes and hold the link written by `give`.
            self.free[class] = unsafe { (*head).next };
            return head.cast();
        }
        let bytes = 1usize << (class + SMALLEST_SHIFT as usize);
        let start = self.next.next_multiple_of(bytes);
        if start + bytes > self.end || self.next == 0 {
            let Some(chunk) = self.pages(CHUNK) else { return core::ptr::null_mut() };
            (self.next, self.end) = (chunk, chunk + CHUNK);
            return self.take(class);
        }
        self.next = start + bytes;
        core::ptr::with_exposed_provenance_mut(start)
    }

    /// Fresh pages.
    fn pages(&mut self, bytes: usize) -> Option<usize> {
        match self.source {
            Source::Kernel => self.fresh(bytes).or_else(|| self.kept(bytes)),
            Source::Reserve => self.kept(bytes).or_else(|| self.fresh(bytes)),
        }
    }

    fn fresh(&mut self, bytes: usize) -> Option<usize> {
        map(bytes).inspect(|_| self.mapped += bytes)
    }

    fn kept(&mut self, bytes: usize) -> Option<usize> {
        let [start, end] = self.reserve;
        (end - start >= bytes).then(|| {
            self.reserve[0] += bytes;
            start
        })
    }

    fn give(&mut self, class: usize, block: *mut u8) {
        let block = block.cast::<Free>();
        // SAFETY: the block has at least 16 bytes, aligned to them, and nobody uses it any more.
        unsafe { (*block).next = self.free[class] };
        self.free[class] = block;
    }
}

// SAFETY: `take` hands out disjoint blocks of at least the size and alignment asked for (a block of 2ⁿ
// bytes is aligned to them; mapped ones to a page), valid until given back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            Some(class) => self.with(|state| state.take(class)),
            None => {
                let bytes = layout.size().next_multiple_of(4096);
                let start = self.with(|state| state.pages(bytes));
                start.map_or(core::ptr::null_mut(), core::ptr::with_exposed_provenance_mut)
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            Some(class) => self.with(|state| state.give(class, block)),
            None => {
                let bytes = layout.size().next_multiple_of(4096);
                self.with(|state| state.mapped -= bytes);
                if self.with(|state| state.source) == Source::Kernel {
                    // SAFETY: mapped by `alloc` with this size; the caller gives it back.
                    let _ = unsafe { munmap(block.expose_provenance() as u64, bytes as u64) };
                }
            }
        }
    }
}

/// A handle to a heap, to give to collections.
#[derive(Clone, Copy)]
pub struct HeapRef(pub &'static Heap);

// SAFETY: a heap's blocks stay valid until given back, whatever happens to the handle, which is a
// shared reference to a `static`; copies of it are the same allocator.
unsafe impl Allocator for HeapRef {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let dangling = core::ptr::without_provenance_mut(layout.align());
            return NonNull::new(core::ptr::slice_from_raw_parts_mut(dangling, 0)).ok_or(AllocError);
        }
        // SAFETY: the size is not zero.
        let block = unsafe { self.0.alloc(layout) };
        let block = NonNull::new(block).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            // SAFETY: allocated above with this layout; the caller's contract.
            unsafe { self.0.dealloc(block.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static HEAP: Heap = Heap::new();

    #[test]
    fn blocks_are_aligned_disjoint_and_reused() {
        let layout = |bytes, align| Layout::from_size_align(bytes, align).expect("a valid layout");
        let mut blocks = [(core::ptr::null_mut::<u8>(), layout(1, 1)); 60];
        for (index, block) in blocks.iter_mut().enumerate() {
            block.1 = layout(1 + index * index * 40, 1 << (index % 7));
            // SAFETY: the size is not zero.
            block.0 = unsafe { HEAP.alloc(block.1) };
            assert!(!block.0.is_null() && (block.0 as usize).is_multiple_of(block.1.align()));
            // SAFETY: the block was just allocated with this size.
            unsafe { block.0.write_bytes(index as u8, block.1.size()) };
        }
        for (index, (block, layout)) in blocks.into_iter().enumerate() {
            for at in [0, layout.size() - 1] {
                // SAFETY: inside the block.
                assert_eq!(unsafe { *block.add(at) }, index as u8);
            }
            // SAFETY: allocated above with this layout.
            unsafe { HEAP.dealloc(block, layout) };
        }
        // SAFETY: the size is not zero.
        let (one, two) = unsafe { (HEAP.alloc(layout(24, 8)), HEAP.alloc(layout(24, 8))) };
        assert_ne!(one, two);
    }
}
