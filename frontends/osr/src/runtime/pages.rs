//! Reserved address space.

use std::os::fd::{AsRawFd, BorrowedFd};

use midstride_os::Errno;
use midstride_os::mem::{Advice, Backing, MapFlags, Prot, madvise, mmap, mprotect, munmap};

/// Bytes of a page of the machine.
pub(crate) const PAGE: usize = 4096;
/// Bytes of a huge one.
const HUGE_PAGE: usize = 2 << 20;

/// Address space of its own, unmapped when dropped; accessible where that was asked for.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: u64,
    bytes: usize,
    /// What was mapped, so that the base could be aligned.
    mapped: (u64, u64),
}

impl Reservation {
    /// Reserves `bytes`, rounded up to pages, from an address that huge pages can start at; nothing of it is
    /// accessible.
    pub(crate) fn new(bytes: usize) -> Result<Self, Errno> {
        let bytes = bytes.next_multiple_of(PAGE);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses a free place.
        let start = unsafe { mmap(0, (bytes + HUGE_PAGE) as u64, Prot::NONE, flags, Backing::Anonymous) }?;
        let base = start.next_multiple_of(HUGE_PAGE as u64);
        Ok(Self { base, bytes, mapped: (start, (bytes + HUGE_PAGE) as u64) })
    }

    /// Has the first `bytes` made of huge pages, if there are any: a copy of the process takes as long as
    /// there are pages.
    pub(crate) fn prefer_huge_pages(&self, bytes: usize) {
        let bytes = bytes.min(self.bytes) / HUGE_PAGE * HUGE_PAGE;
        // SAFETY: inside this reservation; contents stay. Without huge pages everything works all the same.
        let _ = unsafe { madvise(self.base, bytes as u64, Advice::HugePage) };
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

impl Reservation {
    /// Puts a private view of a file in the place of the pages from `offset` on, which are inside.
    pub(crate) fn map_file(
        &self,
        offset: u64,
        bytes: u64,
        file: BorrowedFd<'_>,
        at: u64,
    ) -> Result<(), Errno> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        let backing = Backing::File { fd: file.as_raw_fd(), offset: at };
        let address = self.base + offset;
        // SAFETY: inside this reservation, whose contents are to be replaced.
        unsafe { mmap(address, bytes, Prot::READ | Prot::WRITE, flags, backing) }.map(drop)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and whoever uses it borrows or owns this value. That it fails
        // for want of a mapping record leaves the pages where they are, which harms nobody.
        let _ = unsafe { munmap(self.mapped.0, self.mapped.1) };
    }
}

/// A view of a file that can be read.
///
/// Files are images, which are never written again once they have their name: who does so all the same
/// makes readers see other bytes, or end when the file is cut.
#[derive(Debug)]
pub(crate) struct View {
    address: u64,
    bytes: u64,
}

impl View {
    /// Maps the first `bytes` of a file.
    pub(crate) fn of(file: BorrowedFd<'_>, bytes: u64) -> Result<Self, Errno> {
        if bytes == 0 {
            return Ok(Self { address: 0, bytes });
        }
        let backing = Backing::File { fd: file.as_raw_fd(), offset: 0 };
        // SAFETY: the kernel chooses a free place.
        let address = unsafe { mmap(0, bytes, Prot::READ, MapFlags::PRIVATE, backing) }?;
        Ok(Self { address, bytes })
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.bytes == 0 {
            return &[];
        }
        let start = std::ptr::with_exposed_provenance(self.address as usize);
        // SAFETY: mapped as long as this lives; nobody writes here.
        unsafe { std::slice::from_raw_parts(start, self.bytes as usize) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.bytes != 0 {
            // SAFETY: mapped by `of`, and borrowed from this value only.
            let _ = unsafe { munmap(self.address, self.bytes) };
        }
    }
}
