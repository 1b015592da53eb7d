//! What of the program's memory may be executed.
#![allow(unsafe_code, reason = "reads the program's code")]

use core::cell::Cell;

use allocator_api2::vec::Vec;
use midstride_addr::{AppPc, AppRange};
use midstride_block::{AppCode, page_of};
use midstride_relocate::{DecodeError, Insn, MAX_INSN_BYTES, decode};

use crate::heap::HeapRef;
use crate::memory::{read_app, read_known};

/// How the program can change its code without a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writes {
    /// It cannot, as far as is known.
    No,
    /// Through this mapping only.
    Here,
    /// Through other mappings of the same object, and perhaps through this one.
    Elsewhere,
}

/// A piece of executable memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeArea {
    /// Its addresses.
    pub range: AppRange,
    /// Whether it can change without a system call.
    pub writes: Writes,
}

/// All executable memory, sorted and disjoint.
pub struct CodeMap {
    areas: Vec<CodeArea, HeapRef>,
    /// Where the last one that was asked for stood: mostly it is asked for again.
    last: Cell<usize>,
    read: ReadPages,
}

/// Pages that could be read when they were last looked at. What may be executed need not be readable: behind a
/// file's end there is nothing, and some processors know execute-only memory.
struct ReadPages([Cell<u64>; REMEMBERED]);

/// A power of two; page 0 stands for none.
const REMEMBERED: usize = 256;
const PAGE: u64 = 4096;

impl ReadPages {
    fn forget(&self) {
        self.0.iter().for_each(|page| page.set(0));
    }

    fn contains(&self, page: u64) -> bool {
        let known = &self.0[page as usize % REMEMBERED];
        if known.get() != page && read_app(page * PAGE, &mut [0]).is_ok() {
            known.set(page);
        }
        known.get() == page
    }
}

impl CodeMap {
    pub(crate) fn new_in(heap: HeapRef) -> Self {
        let read = ReadPages([const { Cell::new(0) }; REMEMBERED]);
        Self { areas: Vec::new_in(heap), last: Cell::new(0), read }
    }

    /// Nothing in `range` is executable from now on.
    pub fn remove(&mut self, range: AppRange) {
        self.read.forget();
        let mut index = 0;
        while let Some(area) = self.areas.get(index).copied() {
            if !area.range.overlaps(range) {
                index += 1;
                continue;
            }
            self.areas.remove(index);
            for (start, end) in [(area.range.start(), range.start()), (range.end(), area.range.end())] {
                if start < end {
                    self.areas.insert(index, CodeArea { range: AppRange::new(start, end), ..area });
                    index += 1;
                }
            }
        }
    }

    /// `range` is executable from now on.
    pub fn insert(&mut self, range: AppRange, writes: Writes) {
        self.remove(range);
        if range.is_empty() {
            return;
        }
        let at = self.areas.partition_point(|area| area.range.start() < range.start());
        self.areas.insert(at, CodeArea { range, writes });
    }

    /// The area that holds `pc`.
    #[must_use]
    pub fn area(&self, pc: AppPc) -> Option<CodeArea> {
        let at = |index: usize| self.areas.get(index).copied().filter(|area| area.range.contains(pc));
        at(self.last.get()).or_else(|| {
            let above = self.areas.partition_point(|area| area.range.start() <= pc);
            self.last.set(above.checked_sub(1)?);
            at(self.last.get())
        })
    }

    /// Whether anything in `range` is executable.
    #[must_use]
    pub fn touches(&self, range: AppRange) -> bool {
        self.areas.iter().any(|area| area.range.overlaps(range))
    }

    /// Whether everything in `range` is executable.
    #[must_use]
    pub fn covers(&self, range: AppRange) -> bool {
        let mut pc = range.start();
        while pc < range.end() {
            match self.area(pc) {
                Some(area) => pc = area.range.end(),
                None => return false,
            }
        }
        true
    }

    /// All areas in address order.
    pub fn iter(&self) -> impl Iterator<Item = CodeArea> + '_ {
        self.areas.iter().copied()
    }

    /// Where what may be executed ends, or `wanted` bytes behind `pc` at least.
    fn end_of_run(&self, pc: AppPc, wanted: u64) -> Option<AppPc> {
        let mut end = self.area(pc)?.range.end();
        while end.get() - pc.get() < wanted {
            match self.area(end) {
                Some(next) => end = next.range.end(),
                None => break,
            }
        }
        Some(end)
    }

    /// How many of the `bytes` from `pc` on are readable, without a gap.
    fn readable(&self, pc: AppPc, bytes: u64) -> u64 {
        let end = pc.get() + bytes;
        let gap = (page_of(pc)..end.div_ceil(PAGE)).find(|&page| !self.read.contains(page));
        gap.map_or(bytes, |page| (page * PAGE).saturating_sub(pc.get()))
    }
}

impl AppCode for CodeMap {
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize {
        let Some(end) = self.end_of_run(pc, buffer.len() as u64) else { return 0 };
        let wanted = (buffer.len() as u64).min(end.get() - pc.get());
        let wanted = self.readable(pc, wanted) as usize;
        let read = read_known(pc.get(), &mut buffer[..wanted]);
        if read < wanted {
            // A file that was mapped there has shrunk.
            self.read.forget();
        }
        read
    }
}

/// The instruction at `pc`.
pub(crate) fn insn_at(code: &dyn AppCode, pc: AppPc) -> Result<Insn, DecodeError> {
    let mut bytes = [0; MAX_INSN_BYTES];
    let read = code.read(pc, &mut bytes);
    decode(&bytes[..read], pc)
}

/// The instructions of `range`, up to the first bytes that are none.
pub(crate) fn insns(code: &dyn AppCode, range: AppRange) -> impl Iterator<Item = Insn> + '_ {
    let at = move |pc: AppPc| insn_at(code, pc).ok().filter(|insn| range.contains(insn.pc()));
    core::iter::successors(at(range.start()), move |insn| at(insn.next_pc()))
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Heap;

    static HEAP: Heap = Heap::new();

    fn range(start: u64, end: u64) -> AppRange {
        AppRange::new(AppPc::new(start), AppPc::new(end))
    }

    #[test]
    fn removing_the_middle_leaves_both_ends() {
        let mut map = CodeMap::new_in(HeapRef(&HEAP));
        map.insert(range(0x1000, 0x5000), Writes::No);
        map.insert(range(0x8000, 0x9000), Writes::Here);
        map.remove(range(0x2000, 0x8800));
        let mut left = map.iter().map(|area| area.range);
        assert_eq!(left.next(), Some(range(0x1000, 0x2000)));
        assert_eq!(left.next(), Some(range(0x8800, 0x9000)));
        assert_eq!(left.next(), None);
        assert!(map.covers(range(0x8800, 0x9000)) && !map.covers(range(0x1800, 0x2001)));
        assert!(map.area(AppPc::new(0x2000)).is_none());
    }

    #[test]
    fn neighbours_are_read_as_one_run() {
        let mut map = CodeMap::new_in(HeapRef(&HEAP));
        map.insert(range(0x1000, 0x1800), Writes::No);
        map.insert(range(0x1800, 0x1900), Writes::Here);
        assert_eq!(map.end_of_run(AppPc::new(0x1700), 4096), Some(AppPc::new(0x1900)));
        assert_eq!(map.end_of_run(AppPc::new(0x1900), 4096), None);
    }

    #[test]
    fn bytes_end_where_nothing_can_be_read() {
        let mut map = CodeMap::new_in(HeapRef(&HEAP));
        let start = [0u8; 16].as_ptr().expose_provenance() as u64 & !(PAGE - 1);
        map.insert(range(0x1000, 0x3000), Writes::No);
        assert_eq!(map.read(AppPc::new(0x1800), &mut [0; 16]), 0, "nothing is mapped there");
        map.insert(range(start, start + 1), Writes::No);
        assert_eq!(map.read(AppPc::new(start), &mut [0; 16]), 1);
    }
}
