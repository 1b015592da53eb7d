//! The engine's own memory: size classes over pages from the kernel. It never calls the program's allocator.
#![allow(unsafe_code, reason = "implements an allocator over raw pages")]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use allocator_api2::alloc::{AllocError, Allocator};
use midstride_os::mem::{Advice, Backing, MapFlags, Prot, madvise, mmap, mprotect};

/// Blocks have 16, 32, 48, 64 bytes, then four sizes for each power of two, up to [`LARGEST`]. With powers of
/// two alone the decoder's tables took 656 KiB instead of 400.
const GRAIN: usize = 16;
const LARGEST: usize = 1 << 30;
const CLASSES: usize = class_of_bytes(LARGEST) + 1;
/// Memory is made accessible in pieces of a huge page, ...
const HUGE: usize = 2 << 20;
/// ... and taken from the kernel in pieces of this many bytes when nothing was reserved.
const CHUNK: usize = 256 << 10;
const PAGE: usize = 4096;

/// A heap; a `static`, usually. Blocks come from free lists by size, and are never given back to the kernel.
///
/// With [`Heap::reserve`] all of it lies in one range of addresses, taken before the program runs. Without, the
/// kernel may choose a place that the program has just unmapped and is about to map again, over our memory.
pub struct Heap {
    busy: AtomicBool,
    state: core::cell::UnsafeCell<State>,
}

struct State {
    free: [*mut Free; CLASSES],
    /// Accessible and unused.
    next: usize,
    end: usize,
    /// The same, behind pages that were too many for what was left there: blocks go on where they were, which may
    /// be in a huge page.
    pages: [usize; 2],
    /// Reserved and not accessible yet.
    reserved: usize,
    reserved_end: usize,
    mapped: usize,
    kernel: Kernel,
}

/// Whether the kernel may still be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kernel {
    Asked,
    /// As a last resort: a system-call filter of the program's may kill the process for it.
    Avoided,
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
    /// What is worth reserving where address space is not limited. Addresses cost nothing, but a limit that the
    /// program sets itself counts them.
    pub const ROOMY: usize = 256 << 20;

    /// A heap without memory.
    #[must_use]
    pub const fn new() -> Self {
        let state = State {
            free: [core::ptr::null_mut(); CLASSES],
            next: 0,
            end: 0,
            pages: [0; 2],
            reserved: 0,
            reserved_end: 0,
            mapped: 0,
            kernel: Kernel::Asked,
        };
        Self { busy: AtomicBool::new(false), state: core::cell::UnsafeCell::new(state) }
    }

    /// Bytes that are accessible, used or not.
    #[must_use]
    pub fn mapped_bytes(&self) -> usize {
        self.with(|state| state.mapped)
    }

    /// Bytes of address space that are the heap's, accessible or not.
    #[must_use]
    pub fn claimed_bytes(&self) -> usize {
        self.with(|state| state.mapped + state.reserved_end - state.reserved)
    }

    /// Takes addresses from the kernel now, `bytes` or less, to be used when there is need: a program that has
    /// used up its address space, or unmapped a page that it will map again, goes on, and so must we. Does
    /// nothing when there is such a reserve already.
    pub fn reserve(&self, bytes: usize) {
        if self.with(|state| state.reserved_end - state.reserved) >= bytes.min(HUGE) {
            return;
        }
        let sizes =
            core::iter::successors(Some(bytes), |bytes| Some(bytes / 16)).take_while(|&bytes| bytes >= HUGE);
        let Some((start, bytes)) = sizes.filter_map(|bytes| Some((map(bytes, Prot::NONE)?, bytes))).next()
        else {
            return;
        };
        // SAFETY: just mapped; the advice changes no contents.
        let _ = unsafe { madvise(start as u64, bytes as u64, Advice::HugePage) };
        self.with(|state| (state.reserved, state.reserved_end) = (start, start + bytes));
    }

    /// Lets blocks lie in `room`, which the caller has no other use for.
    ///
    /// # Safety
    /// The addresses are mapped, zero, writable, nobody else's, and stay so.
    pub unsafe fn lend(&self, room: core::ops::Range<usize>) {
        self.with(|state| {
            if state.end - state.next < room.len() {
                (state.next, state.end) = (room.start, room.end);
                state.mapped += room.len();
            }
        });
    }

    /// The program is about to forbid system calls: makes `bytes` of the reserve accessible, and asks the kernel
    /// for nothing while they last.
    pub fn seal(&self, bytes: usize) {
        self.with(|state| {
            if let Some(room) = state.open(bytes) {
                state.use_next(room);
            }
            state.kernel = Kernel::Avoided;
        });
    }

    /// Zeroed pages that are never given back.
    pub(crate) fn pages(&self, bytes: usize) -> Option<usize> {
        let bytes = bytes.next_multiple_of(PAGE);
        self.with(|state| state.pages(bytes))
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

/// The class of a request, or `None` when it is too large.
fn class_of(layout: Layout) -> Option<usize> {
    let (bytes, align) = (layout.size(), layout.align());
    // Powers of two are classes, and their blocks are aligned to their size, up to a page.
    let bytes = if align > GRAIN { bytes.max(align).next_power_of_two() } else { bytes };
    (bytes <= LARGEST && align <= PAGE).then(|| class_of_bytes(bytes))
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

fn map(bytes: usize, prot: Prot) -> Option<usize> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: the kernel chooses free addresses.
    let address = unsafe { mmap(0, bytes as u64, prot, flags, Backing::Anonymous) }.ok()?;
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
        let bytes = bytes_of_class(class);
        let align = (1 << bytes.trailing_zeros()).min(PAGE);
        self.carve(bytes, align).map_or(core::ptr::null_mut(), core::ptr::with_exposed_provenance_mut)
    }

    /// The next unused pages; a room of their own when that of the blocks is too small for them.
    fn pages(&mut self, bytes: usize) -> Option<usize> {
        if self.next.next_multiple_of(PAGE) + bytes <= self.end && self.next != 0 {
            return self.carve(bytes, PAGE);
        }
        let [start, end] = self.pages;
        if end - start < bytes {
            let [opened, opened_end] = self.open(bytes).or_else(|| self.map(bytes))?;
            self.pages = [if opened == end { start } else { opened }, opened_end];
        }
        let start = self.pages[0];
        self.pages[0] += bytes;
        Some(start)
    }

    /// The next unused bytes.
    fn carve(&mut self, bytes: usize, align: usize) -> Option<usize> {
        let mut start = self.next.next_multiple_of(align);
        if start + bytes > self.end || self.next == 0 {
            let room = self.open(bytes).or_else(|| self.map(bytes))?;
            self.use_next(room);
            start = self.next.next_multiple_of(align);
        }
        self.next = start + bytes;
        Some(start)
    }

    fn use_next(&mut self, [start, end]: [usize; 2]) {
        if start != self.end || self.next == 0 {
            self.next = start;
        }
        self.end = end;
    }

    /// Makes at least `bytes` of the reserve accessible, up to the end of a huge page: from, to.
    fn open(&mut self, bytes: usize) -> Option<[usize; 2]> {
        let start = self.reserved;
        let end = start.checked_add(bytes)?.next_multiple_of(HUGE).min(self.reserved_end);
        if self.kernel == Kernel::Avoided || end - start < bytes {
            return None;
        }
        // SAFETY: reserved for this heap, and nobody was told of it.
        unsafe { mprotect(start as u64, (end - start) as u64, Prot::READ | Prot::WRITE) }.ok()?;
        self.reserved = end;
        self.mapped += end - start;
        Some([start, end])
    }

    /// Fresh pages, wherever the kernel has some.
    fn map(&mut self, bytes: usize) -> Option<[usize; 2]> {
        let bytes = bytes.next_multiple_of(CHUNK);
        let start = map(bytes, Prot::READ | Prot::WRITE)?;
        self.mapped += bytes;
        Some([start, start + bytes])
    }

    fn give(&mut self, class: usize, block: *mut u8) {
        if bytes_of_class(class) > HUGE && self.kernel == Kernel::Asked {
            // SAFETY: whole pages of the block, which nobody uses any more, but the first.
            let _ = unsafe {
                madvise(
                    block.addr() as u64 + PAGE as u64,
                    (bytes_of_class(class) - PAGE) as u64,
                    Advice::DontNeed,
                )
            };
        }
        let block = block.cast::<Free>();
        // SAFETY: the block has at least 16 bytes, aligned to them, and nobody uses it any more.
        unsafe { (*block).next = self.free[class] };
        self.free[class] = block;
    }
}

// SAFETY: `take` hands out disjoint blocks of at least the size and alignment asked for (a block of 2ⁿ
// bytes is aligned to them, or to a page), valid until given back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block =
            class_of(layout).map_or(core::ptr::null_mut(), |class| self.with(|state| state.take(class)));
        if block.is_null() { crate::fatal::no_memory(layout.size()) } else { block }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(class) = class_of(layout) {
            self.with(|state| state.give(class, block));
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
    use allocator_api2::vec::Vec;

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
        static OWN: Heap = Heap::new();
        let mut numbers = Vec::new_in(HeapRef(&OWN));
        for number in 0..1 << 19 {
            numbers.push(number);
        }
        assert!((0..).zip(&numbers).all(|(expected, &number)| number == expected));
        drop(numbers);
        let mapped = OWN.mapped_bytes();
        let again: Vec<i32, _> = Vec::with_capacity_in(1 << 19, HeapRef(&OWN));
        assert_eq!(OWN.mapped_bytes(), mapped, "a block for {} is used again", again.capacity());
    }

    #[test]
    fn blocks_stay_in_their_room_when_pages_do_not_fit_it() {
        static LENT: Heap = Heap::new();
        let room = map(1 << 20, Prot::READ | Prot::WRITE).expect("a megabyte");
        LENT.reserve(64 << 20);
        // SAFETY: just mapped for it.
        unsafe { LENT.lend(room..room + (1 << 20)) };
        let within = |address: usize| (room..room + (1 << 20)).contains(&address);
        let many = LENT.pages(5 << 20).expect("there is a reserve");
        // SAFETY: the size is not zero.
        let block = unsafe { LENT.alloc(Layout::new::<[u64; 100]>()) }.addr();
        assert!(!within(many) && within(block), "{many:x} {block:x}");
        assert!(LENT.pages(PAGE).is_some_and(within), "what fits goes where the blocks go");
        let more = LENT.pages(1 << 20).expect("there is a reserve");
        assert_eq!(more, many + (5 << 20), "what is left of a room for pages is used");
    }

    #[test]
    fn a_reserved_heap_takes_nothing_elsewhere() {
        static RESERVED: Heap = Heap::new();
        RESERVED.reserve(64 << 20);
        let layout = |bytes| Layout::from_size_align(bytes, 8).expect("a valid layout");
        // SAFETY: the sizes are not zero.
        let blocks = [24, 3 << 20, 4096, 100].map(|bytes| unsafe { RESERVED.alloc(layout(bytes)) }.addr());
        let span = blocks.iter().max().unwrap() - blocks.iter().min().unwrap();
        assert!(!blocks.contains(&0) && span < 8 << 20, "{blocks:x?}");
        RESERVED.seal(4 << 20);
        let mapped = RESERVED.mapped_bytes();
        // SAFETY: the size is not zero.
        assert!(!unsafe { RESERVED.alloc(layout(3 << 20)) }.is_null());
        assert_eq!(RESERVED.mapped_bytes(), mapped, "the kernel is not asked");
    }
}
