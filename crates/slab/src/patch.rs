//! Changing code that threads may be running: the only place that does.

use core::sync::atomic::Ordering;

use midstride_addr::CachePc;

use crate::error::AccessError;
use crate::memory;
use crate::region::Region;

impl Region {
    /// Replaces the 8 bytes at `at` (code or data, as generated code sees them) with ONE aligned
    /// store through the writable alias.
    ///
    /// A processor that fetches while the store happens sees all the old bytes or all the new ones,
    /// since an aligned quadword is accessed in one piece (Intel SDM volume 3, "Guaranteed Atomic
    /// Operations"; AMD64 APM volume 2, "Access Atomicity"). Other processors go on running the old version until their fetch meets the
    /// changed line; nothing waits for them.
    ///
    /// # Errors
    /// [`AccessError::Unaligned`], [`AccessError::Outside`].
    ///
    /// # Safety
    /// A thread that executes the bytes around `at` is right with the old word and with the new one,
    /// at any moment: the word holds at most one changed operand or one instruction of unchanged
    /// length, and both its targets are complete.
    pub unsafe fn patch_word(&self, at: CachePc, new: u64) -> Result<(), AccessError> {
        let pointer = self.word_pointer(at)?;
        // SAFETY: aligned and inside the region by `word_pointer`; mapped while `self` lives; `&mut
        // self` excludes `write`, so all other accesses are atomic.
        unsafe { memory::word(pointer) }.store(new, Ordering::Release);
        Ok(())
    }

    /// The 8 bytes at `at`, in one load.
    ///
    /// # Errors
    /// [`AccessError::Unaligned`], [`AccessError::Outside`].
    pub fn read_word(&self, at: CachePc) -> Result<u64, AccessError> {
        let pointer = self.word_pointer(at)?;
        // SAFETY: as in `patch_word`.
        Ok(unsafe { memory::word(pointer) }.load(Ordering::Acquire))
    }

    fn word_pointer(&self, at: CachePc) -> Result<*mut u8, AccessError> {
        if !at.get().is_multiple_of(8) {
            return Err(AccessError::Unaligned { at });
        }
        self.layout.pointer_to(at, 8).ok_or(AccessError::Outside { at, bytes: 8 })
    }
}
