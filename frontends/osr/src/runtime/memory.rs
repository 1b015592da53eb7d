//! Linear memories.

use std::cell::UnsafeCell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use midstride_os::Errno;

use super::layout::MemoryDesc;
use super::pages::Reservation;
use crate::trap::{Trap, TrapKind};
use crate::types::{Limits, MemoryType};

/// Bytes of a page of WebAssembly's.
pub(crate) const WASM_PAGE: usize = 64 << 10;
/// An address is a 32-bit number and a 32-bit offset; the rest catches the width of the access.
const RESERVED: usize = (8 << 30) + WASM_PAGE;
/// Most pages a memory can have.
const MOST_PAGES: u32 = 65_536;

/// A linear memory.
///
/// Clones are the same memory.
#[derive(Clone, Debug)]
pub struct Memory(Rc<MemoryInner>);

#[derive(Debug)]
struct MemoryInner {
    desc: UnsafeCell<MemoryDesc>,
    pages: Reservation,
    limits: Limits,
}

/// Memories from this size on are made of huge pages: smaller ones are copied fast enough, and shall not
/// take more than they use.
const LARGE: usize = 16 << 20;

fn advise(pages: &Reservation, bytes: usize) {
    if bytes >= LARGE {
        pages.prefer_huge_pages(bytes);
    }
}

impl Memory {
    /// A memory of zeros.
    ///
    /// # Errors
    /// When there is no address space left.
    pub fn new(ty: MemoryType) -> Result<Self, Errno> {
        let pages = Reservation::new(RESERVED)?;
        let bytes = ty.limits.min as usize * WASM_PAGE;
        pages.commit(0, bytes)?;
        advise(&pages, bytes);
        let desc = UnsafeCell::new(MemoryDesc { base: pages.base(), bytes: bytes as u64 });
        Ok(Self(Rc::new(MemoryInner { desc, pages, limits: ty.limits })))
    }

    fn desc(&self) -> MemoryDesc {
        // SAFETY: only this thread has it (`Rc`), and nobody keeps a reference to it.
        unsafe { *self.0.desc.get() }
    }

    pub(crate) fn desc_address(&self) -> u64 {
        self.0.desc.get().expose_provenance() as u64
    }

    /// The address of its first byte.
    pub(crate) fn base(&self) -> u64 {
        self.0.pages.base()
    }

    /// Whether both are the same memory.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn data_size(&self) -> usize {
        self.desc().bytes as usize
    }

    /// Its size in pages of 64 KiB.
    #[must_use]
    pub fn size(&self) -> u32 {
        (self.data_size() / WASM_PAGE) as u32
    }

    /// Its type, with its present size.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        MemoryType { limits: Limits { min: self.size(), max: self.0.limits.max } }
    }

    /// Adds pages of zeros; the size before, in pages, or `None` when it cannot grow so far.
    pub fn grow(&self, pages: u32) -> Option<u32> {
        let old = self.size();
        let new = old.checked_add(pages)?;
        if new > self.0.limits.max.unwrap_or(MOST_PAGES).min(MOST_PAGES) {
            return None;
        }
        self.0.pages.commit(old as usize * WASM_PAGE, pages as usize * WASM_PAGE).ok()?;
        advise(&self.0.pages, new as usize * WASM_PAGE);
        // SAFETY: as in `desc`.
        unsafe { (*self.0.desc.get()).bytes = new as u64 * WASM_PAGE as u64 };
        Some(old)
    }

    /// A pointer to `bytes` bytes at `offset`.
    fn at(&self, offset: u64, bytes: usize) -> Result<*mut u8, Trap> {
        let end = offset.checked_add(bytes as u64).ok_or(TrapKind::MemoryOutOfBounds)?;
        if end > self.desc().bytes {
            return Err(TrapKind::MemoryOutOfBounds.into());
        }
        Ok(std::ptr::with_exposed_provenance_mut((self.base() + offset) as usize))
    }

    /// Whether `bytes` bytes at `offset` are all inside.
    ///
    /// # Errors
    /// [`TrapKind::MemoryOutOfBounds`].
    pub(crate) fn check(&self, offset: u64, bytes: u64) -> Result<(), Trap> {
        self.at(offset, bytes as usize).map(drop)
    }

    /// Copies bytes out of it.
    ///
    /// # Errors
    /// [`TrapKind::MemoryOutOfBounds`].
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Trap> {
        let from = self.at(offset, bytes.len())?;
        // SAFETY: inside the memory, which nobody has a reference into.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    /// Copies bytes into it.
    ///
    /// # Errors
    /// [`TrapKind::MemoryOutOfBounds`]; nothing is written then.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Trap> {
        let to = self.at(offset, bytes.len())?;
        // SAFETY: inside the memory, which nobody has a reference into.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// Sets `bytes` bytes.
    pub(crate) fn fill(&self, offset: u64, value: u8, bytes: u32) -> Result<(), Trap> {
        let to = self.at(offset, bytes as usize)?;
        // SAFETY: inside the memory, which nobody has a reference into.
        unsafe { to.write_bytes(value, bytes as usize) };
        Ok(())
    }

    /// Copies `bytes` bytes inside it; the ranges may overlap.
    pub(crate) fn copy(&self, to: u64, from: u64, bytes: u32) -> Result<(), Trap> {
        let (to, from) = (self.at(to, bytes as usize)?, self.at(from, bytes as usize)?);
        // SAFETY: both inside the memory, which nobody has a reference into.
        unsafe { to.copy_from(from, bytes as usize) };
        Ok(())
    }

    /// All its bytes.
    ///
    /// # Safety
    /// While they are borrowed nobody writes it: no code runs that has it.
    pub(crate) unsafe fn bytes(&self) -> &[u8] {
        let base = std::ptr::with_exposed_provenance(self.base() as usize);
        // SAFETY: all of it is mapped, and the caller keeps everybody else from writing.
        unsafe { std::slice::from_raw_parts(base, self.data_size()) }
    }

    /// Puts pages of a file in the place of its own, privately: `bytes` at `offset`, both multiples of
    /// pages, in bounds.
    pub(crate) fn map(&self, offset: u64, bytes: u64, file: BorrowedFd<'_>, at: u64) -> Result<(), Errno> {
        if offset.checked_add(bytes).is_none_or(|end| end > self.desc().bytes) {
            return Err(Errno::EINVAL);
        }
        self.0.pages.map_file(offset, bytes, file, at)
    }

    /// Calls `action` with all its bytes.
    ///
    /// # Safety
    /// `action` neither runs code of an instance that has this memory, nor grows, reads or writes it in
    /// another way.
    pub unsafe fn with_data<R>(&self, action: impl FnOnce(&mut [u8]) -> R) -> R {
        let base = std::ptr::with_exposed_provenance_mut(self.base() as usize);
        // SAFETY: all of it is mapped, and the caller keeps everybody else away.
        action(unsafe { std::slice::from_raw_parts_mut(base, self.data_size()) })
    }
}
