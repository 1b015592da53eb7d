//! The copies between ordinary memory and a region, all through the writable alias.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Copies out of a region while other threads may patch it.
///
/// # Safety
/// `from` is valid for reads of `bytes.len()`; concurrent writes are atomic.
pub(crate) unsafe fn read(from: *mut u8, bytes: &mut [u8]) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        // SAFETY: `index` is inside the range the caller vouches for.
        *byte = unsafe { AtomicU8::from_ptr(from.add(index)) }.load(Ordering::Relaxed);
    }
}

/// Copies `words` 8-byte words, atomically each.
///
/// # Safety
/// Both are aligned to 8 bytes and valid for that many words; nobody else accesses `to`; concurrent
/// writes to `from` are atomic.
pub(crate) unsafe fn copy_words(from: *mut u64, to: *mut u64, words: usize) {
    for index in 0..words {
        // SAFETY: `index` is inside both ranges, alignment is the caller's contract.
        let word = unsafe { AtomicU64::from_ptr(from.add(index)) }.load(Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { to.add(index).write(word) };
    }
}

/// The word at `at`, to load or store in one piece.
///
/// # Safety
/// `at` is aligned to 8 bytes and stays mapped for `'a`; other accesses to it are atomic.
pub(crate) unsafe fn word<'a>(at: *mut u8) -> &'a AtomicU64 {
    // SAFETY: the caller's contract.
    unsafe { AtomicU64::from_ptr(at.cast()) }
}
