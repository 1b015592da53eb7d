//! Which thread has which frame, for handlers: they run with the program's FS and must not touch
//! thread-local storage.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use midstride_os::thread::gettid;

use super::frame::{Frame, FrameRef};

/// How many threads can run programs at a time.
pub(crate) const LIMIT: usize = 256;

struct Entry {
    /// 0: free.
    tid: AtomicI32,
    frame: AtomicPtr<Frame>,
}

static ENTRIES: [Entry; LIMIT] =
    [const { Entry { tid: AtomicI32::new(0), frame: AtomicPtr::new(null_mut()) } }; LIMIT];

/// The calling thread's place; given back when dropped, in the same thread.
#[derive(Debug)]
pub(crate) struct Registration {
    index: usize,
}

impl Registration {
    /// Makes the frame known as the calling thread's; `None` when there is no room.
    pub(crate) fn new(frame: FrameRef) -> Option<Self> {
        let tid = gettid();
        // ORDERING: the thread itself reads what it writes here, in handlers; others only look for
        // entries that are free.
        let take = |entry: &Entry| entry.tid.compare_exchange(0, -1, Ordering::Relaxed, Ordering::Relaxed);
        let index = ENTRIES.iter().position(|entry| take(entry).is_ok())?;
        ENTRIES[index].frame.store(frame.as_ptr(), Ordering::Relaxed);
        ENTRIES[index].tid.store(tid, Ordering::Release);
        Some(Self { index })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        ENTRIES[self.index].tid.store(0, Ordering::Release);
    }
}

/// The frame of the calling thread.
pub(crate) fn own() -> Option<FrameRef> {
    let tid = gettid();
    let entry = ENTRIES.iter().find(|entry| entry.tid.load(Ordering::Acquire) == tid)?;
    FrameRef::from_pointer(entry.frame.load(Ordering::Relaxed))
}
