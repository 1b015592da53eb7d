//! Reserved address space.

use midstride_os::Errno;
use midstride_os::mem::{Backing, MapFlags, Prot, mmap, mprotect, munmap};

/// Bytes of a page of the machine.
pub(crate) const PAGE: usize = 4096;

/// Address space of its own, unmapped when dropped; accessible where that was asked for.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: u64,
    bytes: usize,
}

impl Reservation {
    /// Reserves `bytes`, rounded up to pages; nothing of it is accessible.
    pub(crate) fn new(bytes: usize) -> Result<Self, Errno> {
        let bytes = bytes.next_multiple_of(PAGE);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses a free place.
        let base = unsafe { mmap(0, bytes as u64, Prot::NONE, flags, Backing::Anonymous) }?;
        Ok(Self { base, bytes })
    }

    /// Its lowest address.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Makes `bytes` from `offset` on readable and writable, rounded outwards to pages.
    pub(crate) fn commit(&self, offset: usize, bytes: usize) -> Result<(), Errno> {
        let start = offset / PAGE * PAGE;
        let end = (offset + bytes).next_multiple_of(PAGE);
        if end > self.bytes {
            return Err(Errno::ENOMEM);
        }
        // SAFETY: inside this reservation; access is only added.
        unsafe { mprotect(self.base + start as u64, (end - start) as u64, Prot::READ | Prot::WRITE) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and whoever uses it borrows or owns this value. That it fails
        // for want of a mapping record leaves the pages where they are, which harms nobody.
        let _ = unsafe { munmap(self.base, self.bytes as u64) };
    }
}
