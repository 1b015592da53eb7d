//! Translation records: what a cache pc means in the program's terms.
//!
//! A block owns a short array of records sorted by cache offset; the record with the greatest offset not
//! above the interrupted pc holds. Instructions that were copied byte for byte share one record, so a block has a handful.

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_frame::{Base, Location, Register};

use crate::slots::Slot;

/// Where the program's pc is while control is at a cache pc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Where {
    /// At `app_offset` plus the distance from the record's cache offset: copied instructions.
    Linear,
    /// At `app_offset`: the sequence has not yet had an effect.
    Fixed,
    /// At the target of the block's exit number `app_offset`, counted from 0.
    ExitTarget,
    /// A return was carried out: its target is the word below the stack pointer.
    BelowStack,
    /// An indirect jump or call was carried out: its target is in the target slot.
    TargetSlot,
}

/// Which registers are to be taken from slots, as a bit set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restore(u8);

impl Restore {
    /// None: all registers hold the program's values.
    pub const NONE: Self = Self(0);
    /// r11 from its slot.
    pub const R11: Self = Self(1);
    /// rcx from its slot.
    pub const RCX: Self = Self(2);
    /// The record's borrowed register from the scratch slot.
    pub const SCRATCH: Self = Self(4);
    /// The record's borrowed register from the probe slot.
    pub const PROBE: Self = Self(8);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in the set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// Bytes from the start of the block's code (its first landing).
    pub cache_offset: u16,
    /// Bytes from the block's app pc (or an exit's number, see [`Where::ExitTarget`]).
    pub app_offset: u16,
    /// Where the program's pc is.
    pub at: Where,
    /// Which registers are in slots.
    pub restore: Restore,
    /// The register that `Restore::SCRATCH` or `Restore::PROBE` speaks of.
    pub borrowed: Gpr,
}

/// What `find` answers of a cache pc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// The program's pc, when it does not depend on memory.
    pub pc: PcSource,
    /// Which registers are in slots.
    pub restore: Restore,
    /// The register that `restore` borrows.
    pub borrowed: Gpr,
}

impl Translation {
    /// The registers that are in slots of the thread context: everything a frame of emitted code holds.
    pub fn saved(&self) -> impl Iterator<Item = (Gpr, Slot)> + use<> {
        let places = [
            (Restore::RCX, Gpr::Rcx, Slot::Rcx),
            (Restore::R11, Gpr::R11, Slot::R11),
            (Restore::SCRATCH, self.borrowed, Slot::Scratch),
            (Restore::PROBE, self.borrowed, Slot::Probe),
        ];
        let restore = self.restore;
        places.into_iter().filter(move |&(bit, ..)| restore.has(bit)).map(|(_, reg, slot)| (reg, slot))
    }

    /// Where the program's value of `register` is: in its slot or where it always is; for rip a constant, a
    /// slot, or [`Location::Lost`] where it has to be looked up (see [`PcSource`]). Emitted code touches no
    /// flag and no vector register, so they are the machine's.
    ///
    /// ```
    /// use midstride_asm::Gpr;
    /// use midstride_block::{PcSource, Restore, Slot, Translation};
    /// use midstride_frame::{Base, Location, Register};
    ///
    /// let in_a_landing = Translation { pc: PcSource::TargetSlot, restore: Restore::RCX, borrowed: Gpr::Rax };
    /// let slot = |slot: Slot| Location::Slot { base: Base::ThreadContext, offset: slot.offset() };
    /// assert_eq!(in_a_landing.locate(Register::RCX), slot(Slot::Rcx));
    /// assert_eq!(in_a_landing.locate(Register::RIP), slot(Slot::Target));
    /// assert_eq!(in_a_landing.locate(Register::RBX), Location::Register(Register::RBX));
    /// ```
    #[must_use]
    pub fn locate(&self, register: Register) -> Location {
        let in_slot = |slot: Slot| Location::Slot { base: Base::ThreadContext, offset: slot.offset() };
        if register == Register::RIP {
            return match self.pc {
                PcSource::Known(pc) => Location::Constant(pc.get()),
                PcSource::TargetSlot => in_slot(Slot::Target),
                PcSource::BelowStack | PcSource::Exit(_) => Location::Lost,
            };
        }
        let saved = self.saved().find(|(reg, _)| Register::gpr(reg.number()) == Some(register));
        saved.map_or(Location::Register(register), |(_, slot)| in_slot(slot))
    }
}

/// How to come by the program's pc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PcSource {
    /// It is this.
    Known(AppPc),
    /// It is the target of the block's exit of this number.
    Exit(u16),
    /// It is the word below the stack pointer.
    BelowStack,
    /// It is in the target slot.
    TargetSlot,
}

/// How many records a block can have.
pub(crate) const MAX_RECORDS: usize = 512;

/// The records of a block under construction.
#[derive(Debug)]
pub(crate) struct RecordBuf {
    records: [Record; MAX_RECORDS],
    len: usize,
}

const EMPTY: Record =
    Record { cache_offset: 0, app_offset: 0, at: Where::Fixed, restore: Restore::NONE, borrowed: Gpr::Rax };

impl Default for RecordBuf {
    fn default() -> Self {
        Self { records: [EMPTY; MAX_RECORDS], len: 0 }
    }
}

impl RecordBuf {
    /// Forgets all records.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Whether another instruction's records surely fit.
    #[must_use]
    pub(crate) fn has_room(&self) -> bool {
        self.len + 16 <= MAX_RECORDS
    }

    /// Adds a record, unless the one before says the same of its place.
    pub(crate) fn push(&mut self, record: Record) {
        if let Some(last) = self.as_slice().last() {
            if last.cache_offset == record.cache_offset {
                self.len -= 1;
            } else if continues(last, &record) {
                return;
            }
        }
        self.records[self.len] = record;
        self.len += 1;
    }

    /// The records so far.
    #[must_use]
    pub(crate) fn as_slice(&self) -> &[Record] {
        &self.records[..self.len]
    }
}

/// Whether `next` says of its place what `last` already says.
fn continues(last: &Record, next: &Record) -> bool {
    let same_kind = last.at == next.at && last.restore == next.restore && last.borrowed == next.borrowed;
    let cache = next.cache_offset.wrapping_sub(last.cache_offset);
    let app = next.app_offset.wrapping_sub(last.app_offset);
    same_kind && if last.at == Where::Linear { cache == app } else { app == 0 }
}

/// Reads the records of the block at `app`: what does `cache_offset` mean?
///
/// Answers `None` for offsets before the first record.
#[must_use]
pub(crate) fn translate(records: &[Record], app: AppPc, cache_offset: u16) -> Option<Translation> {
    let above = records.partition_point(|record| record.cache_offset <= cache_offset);
    let record = records.get(above.checked_sub(1)?)?;
    let fixed = app.add(u64::from(record.app_offset));
    let pc = match record.at {
        Where::Linear => PcSource::Known(fixed.add(u64::from(cache_offset - record.cache_offset))),
        Where::Fixed => PcSource::Known(fixed),
        Where::ExitTarget => PcSource::Exit(record.app_offset),
        Where::BelowStack => PcSource::BelowStack,
        Where::TargetSlot => PcSource::TargetSlot,
    };
    Some(Translation { pc, restore: record.restore, borrowed: record.borrowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(cache_offset: u16, app_offset: u16) -> Record {
        Record { cache_offset, app_offset, at: Where::Linear, ..EMPTY }
    }

    #[test]
    fn copied_instructions_share_one_record() {
        let mut records = RecordBuf::default();
        records.push(linear(10, 0));
        records.push(linear(13, 3));
        records.push(linear(20, 8)); // two bytes were added before this one
        assert_eq!(records.as_slice().len(), 2);
        let at = |offset| translate(records.as_slice(), AppPc::new(0x1000), offset).map(|t| t.pc);
        assert_eq!(at(13), Some(PcSource::Known(AppPc::new(0x1003))));
        assert_eq!(at(20), Some(PcSource::Known(AppPc::new(0x1008))));
        assert_eq!(at(9), None);
    }

    #[test]
    fn a_later_record_for_the_same_place_wins() {
        let mut records = RecordBuf::default();
        records.push(Record { cache_offset: 4, at: Where::Fixed, ..EMPTY });
        records.push(Record { cache_offset: 4, at: Where::TargetSlot, restore: Restore::R11, ..EMPTY });
        assert_eq!(records.as_slice().len(), 1);
        assert_eq!(
            translate(records.as_slice(), AppPc::new(0), 4).map(|t| (t.pc, t.restore)),
            Some((PcSource::TargetSlot, Restore::R11))
        );
    }
}
