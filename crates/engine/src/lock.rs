//! A lock that sleeps in the kernel and knows no thread-local storage.
#![allow(unsafe_code, reason = "hands out the protected value to the one holder")]

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use midstride_os::futex::{self, Scope};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;
/// Looks before a thread goes to sleep; the holder usually builds one block.
const SPINS: u32 = 200;

/// A mutex over `T`. Its holder may be preempted, so waiting threads sleep.
pub(crate) struct Lock<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the word admits one holder at a time, so `&Lock` gives access to `T` to one thread at a
// time, as sending it from one to the next would.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The right to use the value, until dropped.
pub(crate) struct Guard<'l, T> {
    lock: &'l Lock<T>,
}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { word: AtomicU32::new(FREE), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        for _ in 0..SPINS {
            // ORDERING: acquire, pairs with the release of the last holder.
            if self.word.compare_exchange_weak(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Guard { lock: self };
            }
            core::hint::spin_loop();
        }
        while self.word.swap(CONTENDED, Ordering::Acquire) != FREE {
            // A spurious or failed wait only means another look.
            let _ = futex::wait(&self.word, CONTENDED, None, Scope::Private);
        }
        Guard { lock: self }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // ORDERING: release, pairs with the acquire of the next holder.
        if self.lock.word.swap(FREE, Ordering::Release) == CONTENDED {
            let _ = futex::wake(&self.lock.word, 1, Scope::Private);
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the proof that this thread holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference through the guard.
        unsafe { &mut *self.lock.value.get() }
    }
}
