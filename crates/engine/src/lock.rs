//! A lock that sleeps in the kernel and knows no thread-local storage.
#![allow(unsafe_code, reason = "hands out the protected value to the one holder")]

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use midstride_os::futex::{self, Scope};
use midstride_os::time::Timespec;

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;
/// Looks before a thread goes to sleep; the holder usually builds one block.
const SPINS: u32 = 200;
/// Looks in place of a nap.
const AWAKE_SPINS: u32 = 10_000;
/// The longest sleep: whoever was about to sleep when the others ceased to wake is not lost.
const SLEEP_NS: u64 = 50_000_000;

/// A mutex over `T`. Its holder may be preempted, so waiting threads sleep.
pub(crate) struct Lock<T> {
    word: AtomicU32,
    /// Whether a thread may be killed for sleeping, or for waking another one (see `stay_awake`).
    awake: AtomicBool,
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
        Self { word: AtomicU32::new(FREE), awake: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// From now on nobody sleeps here: the kernel allows some thread no such call.
    pub(crate) fn stay_awake(&self) {
        self.awake.store(true, Ordering::Relaxed);
    }

    /// Lets others run for so long.
    pub(crate) fn nap(&self, nanos: u64) {
        if self.awake.load(Ordering::Relaxed) {
            (0..AWAKE_SPINS).for_each(|_| core::hint::spin_loop());
            return;
        }
        let nap = Timespec::from_nanos(nanos);
        let _ = futex::wait(&AtomicU32::new(0), 0, Some(&nap), Scope::Private);
    }

    /// Whether somebody holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.word.load(Ordering::Relaxed) != FREE
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
            if self.awake.load(Ordering::Relaxed) {
                core::hint::spin_loop();
                continue;
            }
            // A spurious or failed wait only means another look.
            let longest = Timespec::from_nanos(SLEEP_NS);
            let _ = futex::wait(&self.word, CONTENDED, Some(&longest), Scope::Private);
        }
        Guard { lock: self }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // ORDERING: release, pairs with the acquire of the next holder.
        let contended = self.lock.word.swap(FREE, Ordering::Release) == CONTENDED;
        if contended && !self.lock.awake.load(Ordering::Relaxed) {
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

#[cfg(test)]
mod tests;
