//! Where pages come from: the trait an operating system implements.

use core::fmt;

use crate::place;

/// Bytes of a page. Sizes and addresses that cross [`PageSource`] are multiples of it.
pub const PAGE_BYTES: u64 = 4096;

/// Memory that code sees at one address and that is written through another.
///
/// For plain data the two are the same (a fake source may differ). The pages belong to whoever asked
/// for them until they go back by [`PageSource::unmap`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// First byte as generated code sees it.
    pub address: u64,
    /// First byte as this program reads and writes it.
    pub alias: u64,
    /// Length in bytes, a multiple of [`PAGE_BYTES`].
    pub bytes: u64,
}

impl Mapping {
    /// A mapping whose two addresses are the same.
    #[must_use]
    pub const fn plain(address: u64, bytes: u64) -> Self {
        Self { address, alias: address, bytes }
    }

    /// The first address behind the mapping, as generated code sees it.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.address + self.bytes
    }

    /// A pointer to the byte that generated code sees at `address`, when all of `bytes` from there
    /// on lie inside.
    #[must_use]
    pub fn pointer_to(self, address: u64, bytes: u64) -> Option<*mut u8> {
        let offset = address.checked_sub(self.address)?;
        let end = offset.checked_add(bytes)?;
        if end > self.bytes {
            return None;
        }
        Some(core::ptr::with_exposed_provenance_mut((self.alias + offset) as usize))
    }
}

/// Why a [`PageSource`] gave no pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PageError {
    /// Something is mapped there already.
    Taken {
        /// First address asked for.
        address: u64,
        /// Bytes asked for.
        bytes: u64,
    },
    /// The operating system refused.
    Refused {
        /// First address asked for, 0 when any would have done.
        address: u64,
        /// Bytes asked for.
        bytes: u64,
        /// Its error number.
        errno: i32,
    },
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Taken { address, bytes } => {
                write!(f, "some of the {bytes:#x} bytes at {address:#x} are taken")
            }
            Self::Refused { address, bytes, errno } => {
                write!(f, "no {bytes:#x} bytes at {address:#x}: error number {errno}")
            }
        }
    }
}

impl core::error::Error for PageError {}

/// A source of pages; Linux implements it in `midstride-os`, a fake for tests is in this crate
/// (feature `fake`).
///
/// # Safety
/// An implementor promises, for every [`Mapping`] it returns: all `bytes` behind `alias` are readable
/// and writable by this process, zero at first, disjoint from everything else, and stay so until
/// [`unmap`](Self::unmap); `alias` is aligned to 8 bytes and its provenance is exposed. Memory that
/// [`map_code`](Self::map_code) made executable at `address` is never writable there.
pub unsafe trait PageSource: Sync {
    /// Takes the address range for this program, without memory behind it.
    ///
    /// # Errors
    /// [`PageError::Taken`] when part of the range is in use; the caller then tries another place.
    /// [`PageError::Refused`] when no place would help (a resource limit, too many mappings).
    fn reserve_at(&self, address: u64, bytes: u64) -> Result<(), PageError>;

    /// Puts code memory over a reserved range: executable at `address`, writable at another place.
    ///
    /// # Errors
    /// As the operating system says; the range is reserved still.
    ///
    /// # Safety
    /// The range was reserved from this source by the caller and nothing else uses it.
    unsafe fn map_code(&self, address: u64, bytes: u64) -> Result<Mapping, PageError>;

    /// Puts private data memory over a reserved range.
    ///
    /// # Errors
    /// As the operating system says; the range is reserved still.
    ///
    /// # Safety
    /// As for [`map_code`](Self::map_code).
    unsafe fn map_data(&self, address: u64, bytes: u64) -> Result<Mapping, PageError>;

    /// A fresh object, writable only, that can later take the place of code memory of `bytes`.
    ///
    /// # Errors
    /// As the operating system says.
    fn new_copy(&self, bytes: u64) -> Result<Mapping, PageError>;

    /// Lets both views of `code` show the object `copy` instead; `copy` itself is gone afterwards.
    ///
    /// # Errors
    /// As the operating system says. `code` may then be partly replaced or unmapped: the caller must
    /// not run it any more.
    ///
    /// # Safety
    /// `code` comes from [`map_code`](Self::map_code) and `copy` from [`new_copy`](Self::new_copy) of
    /// this source, with equal `bytes`; no thread of this process runs or writes `code` meanwhile.
    unsafe fn adopt_copy(&self, copy: Mapping, code: Mapping) -> Result<(), PageError>;

    /// Gives a mapping or a reservation ([`Mapping::plain`]) back.
    ///
    /// # Safety
    /// It came from this source, was not given back yet, and nothing uses it any more.
    unsafe fn unmap(&self, mapping: Mapping);

    /// Private data memory below 2 GiB, so that a plain 32-bit displacement addresses it.
    ///
    /// Tries places from [`LOW_START`](crate::LOW_START) downwards, first at growing distances, then
    /// one by one. The memory lies in what a non-PIE program may grow its heap into.
    ///
    /// # Errors
    /// [`PageError::Taken`] when no place was free, else the source's refusal.
    fn reserve_low(&self, bytes: u64) -> Result<Mapping, PageError> {
        let bytes = bytes.next_multiple_of(PAGE_BYTES).max(PAGE_BYTES);
        for address in place::low_candidates(bytes) {
            match self.reserve_at(address, bytes) {
                Ok(()) => return map_reserved_data(self, address, bytes),
                Err(PageError::Taken { .. }) => {}
                Err(refused) => return Err(refused),
            }
        }
        Err(PageError::Taken { address: place::LOW_START, bytes })
    }
}

/// Puts data over a range just reserved; on failure the reservation goes back.
fn map_reserved_data<S: PageSource + ?Sized>(
    source: &S,
    address: u64,
    bytes: u64,
) -> Result<Mapping, PageError> {
    // SAFETY: the only caller reserved exactly this range and has not handed it out.
    let mapped = unsafe { source.map_data(address, bytes) };
    if mapped.is_err() {
        // SAFETY: the failed call left the range reserved; nothing else knows of it.
        unsafe { source.unmap(Mapping::plain(address, bytes)) };
    }
    mapped
}
