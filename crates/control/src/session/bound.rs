//! A value that only its thread may touch.

use std::cell::{RefCell, RefMut};
use std::mem::ManuallyDrop;
use std::thread::{self, ThreadId};

/// Holds a value that may be neither sent to another thread nor shared, in something that may.
pub(super) struct Bound<T> {
    value: ManuallyDrop<RefCell<T>>,
    owner: ThreadId,
}

// SAFETY: the value is reached, by `get` and by `drop`, in the thread that made it only.
unsafe impl<T> Send for Bound<T> {}
// SAFETY: as above; a `RefCell` of one thread needs no lock.
unsafe impl<T> Sync for Bound<T> {}

impl<T> Bound<T> {
    /// Binds a value to the calling thread.
    pub(super) fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(RefCell::new(value)), owner: thread::current().id() }
    }

    /// Whether the calling thread is the one.
    pub(super) fn is_here(&self) -> bool {
        thread::current().id() == self.owner
    }

    /// The value; `None` in other threads, and while it is in use.
    pub(super) fn get(&self) -> Option<RefMut<'_, T>> {
        self.is_here().then(|| self.value.try_borrow_mut().ok()).flatten()
    }
}

impl<T> Drop for Bound<T> {
    /// In another thread the value stays for ever: there is nobody who may drop it.
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: dropped once, here, and not used any more.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
