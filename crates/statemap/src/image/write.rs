//! Writes an image to where it can be written out of order: the pages first, the head last.

use alloc::vec::Vec;
use core::convert::Infallible;

use crate::canonical::State;
use crate::image::error::{Section, WriteError};
use crate::image::pages::{MemoryPages, PageRange, checksum};
use crate::image::{ModuleHash, encode, head};

/// A file, or something like it.
pub trait Sink {
    /// What can go wrong.
    type Error;

    /// Writes `bytes` at `offset`. What lies between written parts is zero.
    ///
    /// # Errors
    /// The sink's own.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Sink for Vec<u8> {
    type Error = Infallible;

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        let start = usize::try_from(offset).expect("a vector's offsets fit");
        let end = start + bytes.len();
        if self.len() < end {
            self.resize(end, 0);
        }
        self[start..end].copy_from_slice(bytes);
        Ok(())
    }
}

/// Writes an image of `state` with the contents of `memories` (by memory index; the pages in
/// `state.memories` are not looked at) and says how long it is. The head is written last: a file without it is
/// no image.
///
/// # Errors
/// [`WriteError`]: a state that cannot be, or the sink's.
///
/// # Panics
/// When there are more or fewer `memories` than in `state`.
pub fn write_image<S: Sink>(
    module: &ModuleHash,
    state: &State,
    memories: &[&dyn MemoryPages],
    sink: &mut S,
) -> Result<u64, WriteError<S::Error>> {
    state.check().map_err(WriteError::State)?;
    assert_eq!(memories.len(), state.memories.len(), "contents are given for each memory");
    let ranges: Vec<Vec<PageRange>> = memories.iter().map(|memory| memory.ranges()).collect();
    let mut places = Vec::new();
    let mut sections: Vec<Vec<u8>> = Section::ALL
        .into_iter()
        .map(|section| encode::section(section, state, &ranges, &mut places))
        .collect();
    let head_end = (head::SECTIONS + sections.iter().map(Vec::len).sum::<usize>()) as u64;
    let (sums, end) = write_memories(memories, &ranges, head_end, sink).map_err(WriteError::Sink)?;
    let page_table = &mut sections[Section::Memories as usize - 1];
    for (place, sum) in places.into_iter().zip(sums) {
        page_table[place..place + 8].copy_from_slice(&sum.to_le_bytes());
    }
    sink.write_at(0, &head::write(module, end, &sections)).map_err(WriteError::Sink)?;
    Ok(end)
}

/// Writes all pages behind the head; their checksums, and where the file ends.
fn write_memories<S: Sink>(
    memories: &[&dyn MemoryPages],
    ranges: &[Vec<PageRange>],
    head_end: u64,
    sink: &mut S,
) -> Result<(Vec<u64>, u64), S::Error> {
    let mut sums = Vec::new();
    let mut end = head_end;
    for (memory, ranges) in memories.iter().zip(ranges) {
        for range in ranges {
            let start = head::data_start(end);
            sums.push(write_pages(*memory, *range, start, sink)?);
            end = start + range.bytes();
        }
    }
    Ok((sums, end))
}

/// Writes pages and says their checksum.
fn write_pages<S: Sink>(
    memory: &dyn MemoryPages,
    range: PageRange,
    start: u64,
    sink: &mut S,
) -> Result<u64, S::Error> {
    let whole = memory.bytes(range.first, range.pages);
    if whole.len() as u64 == range.bytes() {
        sink.write_at(start, whole)?;
        return Ok(checksum(whole));
    }
    let mut joined = Vec::with_capacity(range.bytes() as usize);
    while (joined.len() as u64) < range.bytes() {
        let done = (joined.len() / crate::memory::PAGE_BYTES) as u32;
        joined.extend_from_slice(memory.bytes(range.first + u64::from(done), range.pages - done));
    }
    sink.write_at(start, &joined)?;
    Ok(checksum(&joined))
}
