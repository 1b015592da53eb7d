//! The engine's own memory: size classes over pages from the kernel. It never calls the program's allocator.
#![allow(unsafe_code, reason = "implements an allocator over raw pages")]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use allocator_api2::alloc::{AllocError, Allocator};
use midstride_os::mem::{Advice, Backing, MapFlags, Prot, RemapFlags, madvise, mmap, mremap, munmap};

/// Small blocks: 16, 32, 48, 64 bytes, then four sizes for each power of two, up to [`LARGEST`]. With powers of
/// two alone the decoder's tables took 656 KiB instead of 400.
const GRAIN: usize = 16;
const LARGEST: usize = 128 << 10;
const CLASSES: usize = class_of_bytes(LARGEST) + 1;
/// Pages are taken from the kernel in pieces of a huge page, where there is address space for it, ...
const HUGE: usize = 2 << 20;
/// ... else in pieces of this many bytes.
const CHUNK: usize = 256 << 10;

/// A heap; a `static`, usually. Blocks up to 128 KiB come from free lists by size, larger ones are mapped one by
/// one.
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

    /// Lets small blocks lie in `room`, which the caller has no other use for.
    ///
    /// # Safety
    /// The addresses are mapped, zero, writable, nobody else's, and stay so.
    pub unsafe fn lend(&self, room: core::ops::Range<usize>) {
        self.with(|state| {
            if state.end - state.next < room.len() {
                (state.next, state.end) = (room.start, room.end);
            }
        });
    }

    /// From now on the reserve is used first: the program is about to forbid system calls.
    pub fn seal(&self) {
        self.with(|state| state.source = Source::Reserve);
    }

    /// Moves the pages of a block that has its own to where there is room for more.
    ///
    /// # Safety
    /// `block` came from this heap with `old` and nobody else uses it.
    unsafe fn stretch(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        if class_of(old).is_some() || self.with(|state| state.source) == Source::Reserve {
            return None;
        }
        let (from, bytes) = (block.addr().get() as u64, mapped_bytes(old));
        // SAFETY: the block's own pages, says the caller; the kernel chooses where they go.
        let moved =
            unsafe { mremap(from, bytes as u64, mapped_bytes(new) as u64, RemapFlags::MAYMOVE, 0) }.ok()?;
        self.with(|state| state.mapped += mapped_bytes(new) - bytes);
        NonNull::new(core::ptr::with_exposed_provenance_mut(moved as usize))
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
    let (bytes, align) = (layout.size(), layout.align());
    // Powers of two are classes, and their blocks are aligned to their size.
    let bytes = if align > GRAIN { bytes.max(align).next_power_of_two() } else { bytes };
    (bytes <= LARGEST).then(|| class_of_bytes(bytes))
}

/// Bytes of a block that is mapped by itself.
const fn mapped_bytes(layout: Layout) -> usize {
    layout.size().next_multiple_of(4096)
}

const fn class_of_bytes(bytes: usize) -> usize {
    let last = if bytes == 0 { 0 } else { bytes - 1 };
    if last < 4 * GRAIN {
        return last / GRAIN;
    }
    // The two bits below the highest tell the quarter.
    let quarter = last.ilog2() - 2;
    (quarter as usize - GRAIN.ilog2() as usize) * 4 + (last >> quarter)
}

/// The size of the blocks of a class.
const fn bytes_of_class(class: usize) -> usize {
    if class < 4 {
        return (class + 1) * GRAIN;
    }
    (class % 4 + 5) << (class / 4 - 1 + GRAIN.ilog2() as usize)
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

/// A piece that the kernel may back with one huge page: one page fault, not 512.
fn map_huge() -> Option<usize> {
    let around = map(2 * HUGE - 4096)?;
    let start = around.next_multiple_of(HUGE);
    let end = around + 2 * HUGE - 4096;
    for (from, to) in [(around, start), (start + HUGE, end)] {
        if to > from {
            // SAFETY: mapped just now, unused.
            let _ = unsafe { munmap(from as u64, (to - from) as u64) };
        }
    }
    // SAFETY: what is left of what was just mapped.
    let _ = unsafe { madvise(start as u64, HUGE as u64, Advice::HugePage) };
    Some(start)
}

impl State {
    fn take(&mut self, class: usize) -> *mut u8 {
        let head = self.free[class];
        if !head.is_null() {
            // SAFETY: blocks on a free list are at least 16 bytes and hold the link written by `give`.
            self.free[class] = unsafe { (*head).next };
            return head.cast();
        }
        let bytes = bytes_of_class(class);
        let start = self.next.next_multiple_of(1 << bytes.trailing_zeros());
        if start + bytes > self.end || self.next == 0 {
            let Some(chunk) = self.chunk() else { return core::ptr::null_mut() };
            [self.next, self.end] = chunk;
            return self.take(class);
        }
        self.next = start + bytes;
        core::ptr::with_exposed_provenance_mut(start)
    }

    /// Room for small blocks: from, to.
    fn chunk(&mut self) -> Option<[usize; 2]> {
        if self.source == Source::Kernel
            && let Some(start) = map_huge()
        {
            self.mapped += HUGE;
            return Some([start, start + HUGE]);
        }
        self.pages(CHUNK).map(|start| [start, start + CHUNK])
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
                let start = self.with(|state| state.pages(mapped_bytes(layout)));
                start.map_or(core::ptr::null_mut(), core::ptr::with_exposed_provenance_mut)
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            Some(class) => self.with(|state| state.give(class, block)),
            None => {
                let bytes = mapped_bytes(layout);
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

    /// Large blocks keep their pages: nothing is copied.
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's contract.
        if let Some(moved) = unsafe { self.0.stretch(block, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(moved, new.size()));
        }
        let fresh = self.allocate(new)?;
        // SAFETY: two blocks of at least the old size, the new one just made; the old one is the caller's to
        // give back.
        unsafe {
            block.copy_to_nonoverlapping(fresh.cast(), old.size());
            self.deallocate(block, old);
        }
        Ok(fresh)
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
            block.1 = layout(1 + index * index * 90, 1 << (index % 7));
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

    #[test]
    fn a_class_holds_what_it_is_for_and_little_more() {
        for bytes in 1..=LARGEST {
            let size = bytes_of_class(class_of_bytes(bytes));
            assert!(size >= bytes && size - bytes <= GRAIN.max(bytes / 4), "{bytes} in {size}");
        }
        assert_eq!(bytes_of_class(CLASSES - 1), LARGEST);
    }

    #[test]
    fn a_vector_grows_through_all_sizes() {
        let mut numbers = allocator_api2::vec::Vec::new_in(HeapRef(&HEAP));
        let mapped = HEAP.mapped_bytes();
        for number in 0..400_000u32 {
            numbers.push(number);
        }
        assert!((0..).zip(&numbers).all(|(expected, &number)| number == expected));
        drop(numbers);
        assert!(HEAP.mapped_bytes() <= mapped + 2 * HUGE, "what was mapped is given back");
    }
}
