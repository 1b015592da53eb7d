//! Which thread has which frame, for handlers: they begin with the program's FS, so that thread-local storage is
//! out of reach. Threads are told apart by their alternate stacks, which the kernel shows to handlers.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::frame::{Frame, FrameRef};

/// How many threads can run programs at a time.
pub(crate) const LIMIT: usize = 256;

/// A thread's place.
#[repr(C)]
pub(crate) struct Entry {
    /// Lowest address of the thread's alternate stack; 0: free.
    pub(crate) stack: AtomicU64,
    pub(crate) frame: AtomicPtr<Frame>,
}

/// An entry that is being made.
const TAKEN: u64 = 1;

/// All places. Handlers look in here before they can run code of a language, which is why there is no function
/// for it: see [`handler`](super::handler).
pub(crate) static ENTRIES: [Entry; LIMIT] =
    [const { Entry { stack: AtomicU64::new(0), frame: AtomicPtr::new(null_mut()) } }; LIMIT];

/// A thread's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    index: usize,
}

impl Registration {
    /// Makes the frame known as that of the thread with this alternate stack; `None` when there is no room.
    pub(crate) fn new(stack: u64, frame: FrameRef) -> Option<Self> {
        // ORDERING: the thread itself reads what it writes here, in handlers; others only look for
        // entries that are free.
        let take =
            |entry: &Entry| entry.stack.compare_exchange(0, TAKEN, Ordering::Relaxed, Ordering::Relaxed);
        let index = ENTRIES.iter().position(|entry| take(entry).is_ok())?;
        ENTRIES[index].frame.store(frame.as_ptr(), Ordering::Relaxed);
        ENTRIES[index].stack.store(stack, Ordering::Release);
        Some(Self { index })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        ENTRIES[self.index].stack.store(0, Ordering::Release);
    }
}
