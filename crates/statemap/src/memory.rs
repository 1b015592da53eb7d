//! A linear memory that knows which of its pages are not zero.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

/// Bytes of a page of WebAssembly.
pub const WASM_PAGE_BYTES: u64 = 1 << 16;
/// Bytes of the pages that memory is stored in.
pub const PAGE_BYTES: usize = 1 << 12;

/// How a memory is addressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum IndexType {
    /// Addresses are `i32`.
    #[default]
    I32 = 0,
    /// Addresses are `i64` (memory64).
    I64 = 1,
}

/// A range that does not lie in the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfBounds {
    /// First byte asked for.
    pub start: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// Bytes of the memory.
    pub size: u64,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, bytes, size } = self;
        write!(f, "{bytes:#x} bytes at {start:#x} are not in a memory of {size:#x} bytes")
    }
}

impl core::error::Error for OutOfBounds {}

/// One stored page.
type Page = Box<[u8; PAGE_BYTES]>;

/// A linear memory: its limits, its size, and those of its [`PAGE_BYTES`] pages that are not zero.
///
/// ```
/// use midstride_statemap::Memory;
///
/// let mut memory = Memory::new(2);
/// memory.write(0x1_0ffe, &[1, 2, 3])?;
/// let mut bytes = [0; 4];
/// memory.read(0x1_0ffd, &mut bytes)?;
/// assert_eq!(bytes, [0, 1, 2, 3]);
/// assert_eq!(memory.pages().count(), 2);
/// assert!(memory.write(0x1_ffff, &[1, 2]).is_err());
/// # Ok::<_, midstride_statemap::OutOfBounds>(())
/// ```
#[derive(Clone, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "Stored", try_from = "Stored")
)]
pub struct Memory {
    /// How it is addressed.
    pub index_type: IndexType,
    /// The limit on its size in pages of [`WASM_PAGE_BYTES`], if it has one.
    pub maximum: Option<u64>,
    wasm_pages: u64,
    pages: BTreeMap<u64, Page>,
}

impl Memory {
    /// A memory of zeroes; its size is in pages of [`WASM_PAGE_BYTES`].
    #[must_use]
    pub fn new(wasm_pages: u64) -> Self {
        Self { wasm_pages, ..Self::default() }
    }

    /// Its size in pages of [`WASM_PAGE_BYTES`].
    #[must_use]
    pub const fn wasm_pages(&self) -> u64 {
        self.wasm_pages
    }

    /// Its size in bytes; saturates at 2⁶⁴ - 1.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.wasm_pages.saturating_mul(WASM_PAGE_BYTES)
    }

    /// Pages that were written, as (index, bytes): in order, and possibly zero.
    pub fn pages(&self) -> impl Iterator<Item = (u64, &[u8; PAGE_BYTES])> {
        self.pages.iter().map(|(index, page)| (*index, &**page))
    }

    /// Pages that are not zero, in order.
    pub(crate) fn used_pages(&self) -> impl Iterator<Item = (u64, &[u8; PAGE_BYTES])> {
        self.pages().filter(|(_, page)| !is_zero(&page[..]))
    }

    /// A page that was written.
    pub(crate) fn page(&self, index: u64) -> Option<&[u8]> {
        self.pages.get(&index).map(|page| &page[..])
    }

    /// Puts whole pages in; the caller knows that they lie in the memory.
    pub(crate) fn insert_pages(&mut self, first: u64, bytes: &[u8]) {
        let pages = bytes.as_chunks().0.iter().map(|page| Box::new(*page));
        self.pages.extend((first..).zip(pages));
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is copied.
    pub fn read(&self, start: u64, into: &mut [u8]) -> Result<(), OutOfBounds> {
        self.check(start, into.len())?;
        for piece in pieces(start, into.len()) {
            let target = &mut into[piece.done..][..piece.len];
            match self.pages.get(&piece.page) {
                Some(page) => target.copy_from_slice(&page[piece.offset..][..piece.len]),
                None => target.fill(0),
            }
        }
        Ok(())
    }

    /// Copies bytes in. Zeroes make no page where there is none.
    ///
    /// # Errors
    /// [`OutOfBounds`]; nothing is copied.
    pub fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.check(start, bytes.len())?;
        for piece in pieces(start, bytes.len()) {
            let source = &bytes[piece.done..][..piece.len];
            if !self.pages.contains_key(&piece.page) && source.iter().all(|byte| *byte == 0) {
                continue;
            }
            let page = self.pages.entry(piece.page).or_insert_with(zero_page);
            page[piece.offset..][..piece.len].copy_from_slice(source);
        }
        Ok(())
    }

    fn check(&self, start: u64, len: usize) -> Result<(), OutOfBounds> {
        let size = self.size();
        match start.checked_add(len as u64) {
            Some(end) if end <= size => Ok(()),
            _ => Err(OutOfBounds { start, bytes: len as u64, size }),
        }
    }
}

/// Equal contents: a page that was written with zeroes is like one that was not.
impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        let limits = |memory: &Self| (memory.index_type, memory.maximum, memory.wasm_pages);
        limits(self) == limits(other) && self.used_pages().eq(other.used_pages())
    }
}

impl Eq for Memory {}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("index_type", &self.index_type)
            .field("maximum", &self.maximum)
            .field("wasm_pages", &self.wasm_pages)
            .field("stored", &self.pages.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Block by block: the compiler makes vector code of it.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let zero = |block: &[u8; 64]| block.iter().fold(0, |all, byte| all | byte) == 0;
    blocks.iter().all(zero) && rest.iter().all(|byte| *byte == 0)
}

fn zero_page() -> Page {
    Box::new([0; PAGE_BYTES])
}

#[cfg(feature = "serde")]
mod stored {
    //! A memory as any format can have it.

    use super::{IndexType, Memory, OutOfBounds, PAGE_BYTES};
    use alloc::vec::Vec;

    /// Pages that are not zero, by index.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename = "Memory")]
    pub(super) struct Stored {
        index_type: IndexType,
        maximum: Option<u64>,
        wasm_pages: u64,
        pages: Vec<(u64, Vec<u8>)>,
    }

    impl From<Memory> for Stored {
        fn from(memory: Memory) -> Self {
            let Memory { index_type, maximum, wasm_pages, .. } = memory;
            let pages = memory.used_pages().map(|(index, page)| (index, page.to_vec())).collect();
            Self { index_type, maximum, wasm_pages, pages }
        }
    }

    impl TryFrom<Stored> for Memory {
        type Error = OutOfBounds;

        fn try_from(stored: Stored) -> Result<Self, OutOfBounds> {
            let Stored { index_type, maximum, wasm_pages, pages } = stored;
            let mut memory = Self { index_type, maximum, ..Self::new(wasm_pages) };
            for (index, bytes) in pages {
                let start = index.saturating_mul(PAGE_BYTES as u64);
                memory.write(start, &bytes)?;
            }
            Ok(memory)
        }
    }
}

#[cfg(feature = "serde")]
use stored::Stored;

/// The part of a range that lies in one page.
struct Piece {
    page: u64,
    /// In the page.
    offset: usize,
    /// Bytes of the range before it.
    done: usize,
    len: usize,
}

fn pieces(start: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    core::iter::from_fn(move || {
        (done < len).then(|| {
            let address = start + done as u64;
            let offset = (address % PAGE_BYTES as u64) as usize;
            let piece = Piece {
                page: address / PAGE_BYTES as u64,
                offset,
                done,
                len: (PAGE_BYTES - offset).min(len - done),
            };
            done += piece.len;
            piece
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn zeroes_store_no_page() {
        let mut memory = Memory::new(1);
        memory.write(0, &vec![0; 0x1_0000]).unwrap();
        assert_eq!(memory.pages().count(), 0);
        memory.write(0x2005, &[7]).unwrap();
        memory.write(0x2000, &[0; 16]).unwrap();
        assert_eq!(memory, Memory::new(1));
        let mut byte = [9];
        memory.read(0x2005, &mut byte).unwrap();
        assert_eq!(byte, [0]);
    }

    #[test]
    fn memories_of_other_sizes_or_limits_are_different() {
        assert_ne!(Memory::new(1), Memory::new(2));
        assert_ne!(Memory::new(1), Memory { maximum: Some(1), ..Memory::new(1) });
        assert_ne!(Memory::new(1), Memory { index_type: IndexType::I64, ..Memory::new(1) });
    }

    #[test]
    fn a_range_past_the_end_is_refused_whole() {
        let mut memory = Memory::new(1);
        let error = memory.write(0xffff, &[1, 2]).unwrap_err();
        assert_eq!(error, OutOfBounds { start: 0xffff, bytes: 2, size: 0x1_0000 });
        assert_eq!(memory.pages().count(), 0);
        assert!(memory.read(u64::MAX, &mut [0]).is_err());
        assert!(memory.read(0x1_0000, &mut []).is_ok());
    }
}
