//! Which pages of a memory are in an image, and where.

use alloc::vec::Vec;

use crate::image::error::{ImageError, Part};
use crate::memory::{Memory, PAGE_BYTES, is_zero};

/// Pages one behind the other, in units of [`PAGE_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageRange {
    /// Index of the first page.
    pub first: u64,
    /// How many there are.
    pub pages: u32,
}

impl PageRange {
    /// The most pages that have one checksum.
    pub const MAX_PAGES: u32 = 256;

    /// Index of the page behind the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.first.saturating_add(self.pages as u64)
    }

    /// How many bytes they have.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.pages as u64 * PAGE_BYTES as u64
    }
}

/// Pages in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRun {
    /// Which pages.
    pub range: PageRange,
    /// Where they start in the file: a multiple of [`PAGE_BYTES`].
    pub file_offset: u64,
    /// XXH3-64 of their bytes.
    pub checksum: u64,
    /// Whose pages they are.
    pub memory: u32,
}

impl PageRun {
    /// The pages' bytes, after a look at their checksum.
    ///
    /// # Errors
    /// [`ImageError`]: the file is too short or the bytes were altered.
    pub fn verify<'f>(&self, file: &'f [u8]) -> Result<&'f [u8], ImageError> {
        let length = file.len() as u64;
        let start = usize::try_from(self.file_offset).ok();
        let bytes = start.and_then(|start| file.get(start..)?.get(..self.range.bytes() as usize));
        let bytes = bytes.ok_or(ImageError::Truncated { length })?;
        if checksum(bytes) == self.checksum {
            Ok(bytes)
        } else {
            let part = Part::Pages { memory: self.memory, first: self.range.first };
            Err(ImageError::Checksum { part, offset: self.file_offset })
        }
    }
}

/// XXH3-64.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytes)
}

/// Where a memory's pages are while an image is written. They do not change meanwhile: the program is
/// stopped, or this is a copy-on-write view of what it had.
pub trait MemoryPages {
    /// Pages that are stored, in order, each at most once, at most [`PageRange::MAX_PAGES`] at a time. What
    /// is not among them is zero.
    fn ranges(&self) -> Vec<PageRange>;

    /// Bytes of the page `first` and of as many behind it as lie next to it in memory, at most `pages`:
    /// a multiple of [`PAGE_BYTES`], at least one page.
    fn bytes(&self, first: u64, pages: u32) -> &[u8];
}

impl MemoryPages for Memory {
    fn ranges(&self) -> Vec<PageRange> {
        collect(self.used_pages().map(|(index, _)| index))
    }

    fn bytes(&self, first: u64, _: u32) -> &[u8] {
        const ZERO: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
        self.page(first).unwrap_or(&ZERO)
    }
}

/// The bytes of a live memory; its zero pages are found by looking.
#[derive(Clone, Copy, Debug)]
pub struct LinearMemory<'a>(&'a [[u8; PAGE_BYTES]]);

impl<'a> LinearMemory<'a> {
    /// All bytes of a memory; `None` unless they are whole pages.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let (pages, rest) = bytes.as_chunks();
        rest.is_empty().then_some(Self(pages))
    }
}

impl MemoryPages for LinearMemory<'_> {
    fn ranges(&self) -> Vec<PageRange> {
        let used = (0..).zip(self.0).filter(|(_, page)| !is_zero(&page[..]));
        collect(used.map(|(index, _)| index))
    }

    fn bytes(&self, first: u64, pages: u32) -> &[u8] {
        let start = usize::try_from(first).map_or(self.0.len(), |first| first.min(self.0.len()));
        let rest = &self.0[start..];
        rest[..rest.len().min(pages as usize)].as_flattened()
    }
}

/// Joins neighbours.
fn collect(pages: impl Iterator<Item = u64>) -> Vec<PageRange> {
    let mut ranges: Vec<PageRange> = Vec::new();
    for page in pages {
        match ranges.last_mut() {
            Some(range) if range.end() == page && range.pages < PageRange::MAX_PAGES => range.pages += 1,
            _ => ranges.push(PageRange { first: page, pages: 1 }),
        }
    }
    ranges
}
