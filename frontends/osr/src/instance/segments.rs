//! An instance's data and element segments.

use super::Instance;
use crate::info::{ConstExpr, SegmentMode};
use crate::trap::{Trap, TrapKind};

impl Instance {
    /// Makes the references of element segments, of those dropped too.
    pub(crate) fn evaluate_elements(&self) {
        let evaluate = |items: &[ConstExpr]| items.iter().map(|&item| self.evaluate(item) as u64).collect();
        let elements = self.module().info().elements.iter().map(|segment| evaluate(&segment.items)).collect();
        self.0.elements.replace(elements);
    }

    pub(super) fn write_segments(&self) -> Result<(), Trap> {
        let info = self.module().info();
        for (segment, index) in info.elements.iter().zip(0..) {
            if let SegmentMode::Active { target, offset } = segment.mode {
                let (at, len) = (self.evaluate(offset) as u32, segment.items.len() as u64);
                self.init_table(target, index, at, 0, len)?;
            }
            if segment.mode != SegmentMode::Passive {
                self.drop_elements(index);
            }
        }
        for (segment, index) in info.data.iter().zip(0..) {
            if let SegmentMode::Active { offset, .. } = segment.mode {
                let at = self.evaluate(offset) as u32;
                self.init_memory(index, at.into(), 0, segment.bytes.len() as u64)?;
                self.drop_data(index);
            }
        }
        Ok(())
    }

    /// A part of a data segment.
    fn data(&self, segment: u32, from: u64, bytes: u64) -> Result<&[u8], Trap> {
        let index = segment as usize;
        let range = &self.module().info().data[index].bytes;
        let all =
            if self.0.dropped_data.borrow()[index] { &[] } else { &self.module().wasm()[range.clone()] };
        part_of(all, from, bytes).ok_or_else(|| TrapKind::MemoryOutOfBounds.into())
    }

    /// Whether a part of a data segment is there.
    pub(crate) fn check_data(&self, segment: u32, from: u64, bytes: u64) -> Result<(), Trap> {
        self.data(segment, from, bytes).map(drop)
    }

    /// Copies a part of a data segment to memory.
    pub(crate) fn init_memory(&self, segment: u32, to: u64, from: u64, bytes: u64) -> Result<(), Trap> {
        self.memory_at(0)?.write(to, self.data(segment, from, bytes)?)
    }

    pub(crate) fn drop_data(&self, segment: u32) {
        self.0.dropped_data.borrow_mut()[segment as usize] = true;
    }

    /// Whether a part of an element segment is there.
    pub(crate) fn check_elements(&self, segment: u32, from: u64, len: u64) -> Result<(), Trap> {
        let elements = self.0.elements.borrow();
        part_of(&elements[segment as usize], from, len)
            .map(drop)
            .ok_or_else(|| TrapKind::TableOutOfBounds.into())
    }

    /// Copies a part of an element segment to a table.
    pub(crate) fn init_table(
        &self,
        table: u32,
        segment: u32,
        to: u32,
        from: u64,
        len: u64,
    ) -> Result<(), Trap> {
        let elements = self.0.elements.borrow();
        let part = part_of(&elements[segment as usize], from, len).ok_or(TrapKind::TableOutOfBounds)?;
        let table = self.table_at(table)?;
        table.write_bits(to, part)?;
        part.iter().for_each(|&bits| self.keep_in(table, bits));
        Ok(())
    }

    pub(crate) fn drop_elements(&self, segment: u32) {
        self.0.elements.borrow_mut()[segment as usize] = Vec::new();
    }

    /// Indices of segments that were dropped: data, elements.
    pub(crate) fn dropped(&self) -> (Vec<u32>, Vec<u32>) {
        let (data, elements) = (self.0.dropped_data.borrow(), self.0.elements.borrow());
        let data = (0..).zip(&*data).filter(|(_, dropped)| **dropped).map(|(index, _)| index).collect();
        let elements = (0..).zip(&*elements).filter(|(_, left)| left.is_empty());
        (data, elements.map(|(index, _)| index).collect())
    }
}

/// A part of a segment.
fn part_of<T>(all: &[T], from: u64, len: u64) -> Option<&[T]> {
    let (from, len) = (usize::try_from(from).ok()?, usize::try_from(len).ok()?);
    all.get(from..from.checked_add(len)?)
}
