//! A channel with made-up contents, for tests.

use std::fs::File;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;
use std::path::Path;

use midstride_tracer_abi as abi;
use midstride_tracer_abi::{Block, Module, Partial, SlotHeader, life};

use super::filter::Filter;
use super::profile::{Profile, Programs};
use crate::options::Mode;
use crate::sys::create_memfd;

/// The file of a channel.
pub(super) struct FakeChannel {
    pub(super) file: File,
    slots: u32,
}

/// What a slot says of itself; counts are taken from the records written.
#[derive(Clone, Copy)]
pub(super) struct FakeSlot {
    pub(super) index: u32,
    pub(super) owner: u32,
    pub(super) parent: u32,
    pub(super) forked: u32,
    pub(super) inherited_blocks: u32,
    pub(super) inherited_modules: u32,
}

impl FakeSlot {
    /// The first process.
    pub(super) fn process(index: u32) -> Self {
        Self { index, owner: index, parent: u32::MAX, forked: 0, inherited_blocks: 0, inherited_modules: 0 }
    }

    /// A further thread of process `owner`.
    pub(super) fn thread(index: u32, owner: u32) -> Self {
        Self { owner, ..Self::process(index) }
    }
}

impl FakeChannel {
    pub(super) fn new() -> Self {
        let file = create_memfd(c"fake").unwrap();
        file.set_len(abi::slot_offset(16)).unwrap();
        Self { file, slots: 0 }
    }

    /// Writes bytes anywhere in slot `slot`.
    pub(super) fn poke(&self, slot: u32, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, abi::slot_offset(slot) + at).unwrap();
    }

    fn field(&self, slot: u32, at: usize, value: u32) {
        self.poke(slot, at as u64, &value.to_le_bytes());
    }

    /// Says that `births` threads began in a process.
    pub(super) fn births(&self, slot: u32, births: u32) {
        self.field(slot, offset_of!(SlotHeader, births), births);
    }

    /// Starts a slot without records.
    pub(super) fn slot(&mut self, slot: FakeSlot) {
        self.slots = self.slots.max(slot.index + 1);
        let fields = [
            (offset_of!(SlotHeader, life), life::EXITED),
            (offset_of!(SlotHeader, pid), 1000 + slot.owner),
            (offset_of!(SlotHeader, tid), 1000 + slot.index),
            (offset_of!(SlotHeader, owner), slot.owner),
            (offset_of!(SlotHeader, parent), slot.parent),
            (offset_of!(SlotHeader, forked), slot.forked),
            (offset_of!(SlotHeader, inherited_blocks), slot.inherited_blocks),
            (offset_of!(SlotHeader, inherited_modules), slot.inherited_modules),
        ];
        fields.iter().for_each(|&(at, value)| self.field(slot.index, at, value));
    }

    /// Writes module records from index `first` on; each with its own path.
    pub(super) fn modules(&self, slot: u32, first: u32, modules: &[(Module, &str)]) {
        let mut path_at = 0;
        for (index, (module, path)) in (u64::from(first)..).zip(modules) {
            self.poke(slot, abi::PATHS_AT + path_at, path.as_bytes());
            let words = [module.start, module.end, module.file_offset];
            let halves = [path_at as u32, path.len() as u32, module.since_block, module.until_block];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let more: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
            self.poke(slot, abi::MODULES_AT + index * 64, &[bytes, more].concat());
            path_at += path.len() as u64;
        }
        self.field(slot, offset_of!(SlotHeader, modules), first + modules.len() as u32);
        self.field(slot, offset_of!(SlotHeader, path_bytes), path_at as u32);
    }

    /// Writes block records from index `first` on.
    pub(super) fn blocks(&self, slot: u32, first: u32, blocks: &[Block]) {
        for (index, block) in (u64::from(first)..).zip(blocks) {
            let bytes: Vec<u8> = [
                block.start.to_le_bytes().as_slice(),
                &block.bytes.to_le_bytes(),
                &block.insns.to_le_bytes(),
                &block.flags.to_le_bytes(),
            ]
            .concat();
            self.poke(slot, abi::BLOCKS_AT + index * 16, &bytes);
        }
        self.field(slot, offset_of!(SlotHeader, blocks), first + blocks.len() as u32);
    }

    /// Writes the counters of the first blocks.
    pub(super) fn counters(&self, slot: u32, counters: &[u64]) {
        let bytes: Vec<u8> = counters.iter().flat_map(|count| count.to_le_bytes()).collect();
        self.poke(slot, abi::COUNTERS_AT, &bytes);
    }

    /// Writes records of blocks that were cut short.
    pub(super) fn partials(&self, slot: u32, partials: &[Partial]) {
        for (index, partial) in (0u64..).zip(partials) {
            let halves = [partial.block.to_le_bytes(), partial.insns.to_le_bytes()].concat();
            let words = [partial.times.to_le_bytes(), partial.bytes.to_le_bytes()].concat();
            self.poke(slot, abi::PARTIALS_AT + index * 24, &[halves, words].concat());
        }
        self.field(slot, offset_of!(SlotHeader, partials), partials.len() as u32);
    }

    /// Reads everything back.
    pub(super) fn profile(&self, mode: Mode, filter: Filter) -> Profile {
        let programs = Programs::from([(0, Path::new("/bin/first").to_owned())]);
        Profile::read(&self.file, self.slots, mode, filter, &programs).unwrap()
    }
}

/// A mapping of 64 KiB that is never unmapped.
pub(super) fn module(start: u64, file_offset: u64) -> Module {
    let until_block = u32::MAX;
    Module { start, end: start + 0x1_0000, file_offset, until_block, ..Module::default() }
}

/// A block record.
pub(super) fn block(start: u64, bytes: u32, insns: u16) -> Block {
    Block { start, bytes, insns, flags: 0 }
}
