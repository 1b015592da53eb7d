//! Merging the slots of all processes: modules by file, blocks by place.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::hash::BuildHasher;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use midstride_tracer_abi as abi;
use midstride_tracer_abi::{life, stat};

use super::filter::Filter;
use super::mapped::Mapped;
use super::modules::{Mapping, Module, ModuleId, ModuleSet, Region};
use super::profile::{Block, Process, ProcessEnd, Profile, Programs};
use super::slots::Slot;

/// A process being merged: its own blocks and mappings, and where the inherited ones are.
pub(super) struct Merging<'f> {
    pub(super) slot: Slot<'f>,
    /// Slots of its further threads.
    pub(super) threads: Vec<Slot<'f>>,
    /// Index, among the processes, of the one it forked from; always smaller than its own.
    forked_from: Option<usize>,
    mappings: Vec<Mapping>,
    /// For each own block, its index among the merged blocks.
    blocks: Vec<Option<u32>>,
}

/// All processes, and what they have in common.
#[derive(Default)]
pub(super) struct Merger<'f> {
    pub(super) processes: Vec<Merging<'f>>,
    pub(super) blocks: Vec<Block>,
    filter: Filter,
    modules: ModuleSet,
    /// Whether the filter admits each of the modules so far: it is asked once, not for each block.
    admitted: Vec<bool>,
    /// Indices of merged blocks.
    by_place: HashTable<u32>,
    hasher: RandomState,
    lost: u64,
    homeless: u64,
}

impl<'f> Merging<'f> {
    fn new(slot: Slot<'f>, forked_from: Option<usize>) -> Self {
        Self { slot, threads: Vec::new(), forked_from, mappings: Vec::new(), blocks: Vec::new() }
    }

    /// Its own slot, then those of its further threads.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot<'f>> {
        std::iter::once(&self.slot).chain(&self.threads)
    }
}

impl<'f> Merger<'f> {
    pub(super) fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Reads modules and blocks from the first `slots` slots.
    pub(super) fn merge(&mut self, file: &'f File, slots: u32) -> io::Result<()> {
        self.collect(file, slots)?;
        for index in 0..self.processes.len() {
            self.processes[index].mappings = self.mappings(index)?;
            self.processes[index].blocks = self.place_blocks(index)?;
        }
        Ok(())
    }

    fn collect(&mut self, file: &'f File, slots: u32) -> io::Result<()> {
        let mut threads = Vec::new();
        let mut by_slot: HashMap<u32, usize> = HashMap::new();
        for index in 0..slots {
            let Some(slot) = Slot::read(file, index)? else { continue };
            self.lost += u64::from(slot.header.lost);
            if slot.header.owner != index {
                threads.push(slot);
                continue;
            }
            let forked_from = by_slot.get(&slot.header.parent).copied().filter(|_| slot.header.forked);
            by_slot.insert(index, self.processes.len());
            self.processes.push(Merging::new(slot, forked_from));
        }
        for thread in threads {
            match by_slot.get(&thread.header.owner) {
                Some(&process) => self.processes[process].threads.push(thread),
                None => self.lost += 1,
            }
        }
        Ok(())
    }

    /// What process `index` had mapped, in the order of its records.
    fn mappings(&mut self, index: usize) -> io::Result<Vec<Mapping>> {
        let process = &self.processes[index];
        let mut mappings = self.inherited_mappings(process);
        let (records, paths) = (process.slot.own_modules()?, process.slot.paths()?);
        for record in records {
            let end = record.path_at as usize + record.path_len as usize;
            let Some(path) = paths.get(record.path_at as usize..end) else {
                self.lost += 1;
                continue;
            };
            let abi::Module { start, end, file_offset, since_block, until_block, .. } = record;
            let path = Path::new(OsStr::from_bytes(path));
            let (module, bias) = self.modules.place(Region { start, end, file_offset, path });
            mappings.push(Mapping { start, end, module, bias, since_block, until_block });
        }
        Ok(mappings)
    }

    /// What a forked process had mapped from the start.
    fn inherited_mappings(&self, process: &Merging<'_>) -> Vec<Mapping> {
        let Some(parent) = process.forked_from.and_then(|index| self.processes.get(index)) else {
            return Vec::new();
        };
        let header = &process.slot.header;
        let mut mappings = parent.mappings.clone();
        mappings.truncate(header.inherited_modules as usize);
        for mapping in &mut mappings {
            if mapping.until_block > header.inherited_blocks {
                // The parent unmapped it after the fork, or never.
                mapping.until_block = u32::MAX;
            }
        }
        mappings
    }

    fn place_blocks(&mut self, index: usize) -> io::Result<Vec<Option<u32>>> {
        let process = &self.processes[index];
        let first = process.slot.header.inherited_blocks;
        let records = process.slot.own_blocks()?;
        self.blocks.reserve(records.len());
        self.by_place.reserve(records.len(), |&id| self.hasher.hash_one(self.blocks[id as usize].place()));
        let new = &self.modules.modules[self.admitted.len()..];
        self.admitted.extend(new.iter().map(|module| self.filter.admits(&module.path)));
        let mut mapped = Mapped::new(&process.mappings);
        let numbered = (first..).zip(records);
        Ok(numbered
            .map(|(number, record)| self.place_block(mapped.find(number, record.start), record))
            .collect())
    }

    fn place_block(&mut self, mapping: Option<Mapping>, record: abi::Block) -> Option<u32> {
        let Some(Mapping { module, bias, .. }) = mapping else {
            self.homeless += 1;
            return None;
        };
        if !self.admitted[module.index()] {
            return None;
        }
        let (offset, bytes) = (record.start.wrapping_sub(bias), record.bytes);
        let (insns, executed_bytes) = (record.insns.into(), bytes);
        let block = Block { module, offset, bytes, insns, entered: 0, executed: 0, executed_bytes };
        Some(self.merged(block))
    }

    /// The index of the merged block at the place of `block`, which becomes one if there is none.
    fn merged(&mut self, block: Block) -> u32 {
        let Self { blocks, by_place, hasher, .. } = self;
        let place = |id: u32| blocks[id as usize].place();
        let hash = hasher.hash_one(block.place());
        let entry = by_place.entry(hash, |&id| place(id) == block.place(), |&id| hasher.hash_one(place(id)));
        let id = *entry.or_insert(blocks.len() as u32).get();
        if id as usize == blocks.len() {
            blocks.push(block);
        }
        id
    }

    /// The merged block that process `process` calls `number`, inherited ones included.
    pub(super) fn block_of(&self, mut process: usize, number: u32) -> Option<u32> {
        loop {
            let merging = &self.processes[process];
            match number.checked_sub(merging.slot.header.inherited_blocks) {
                Some(own) => return merging.blocks.get(own as usize).copied().flatten(),
                None => process = merging.forked_from?,
            }
        }
    }

    /// The merged blocks of all records but `these`, by process and number.
    pub(super) fn recorded_beside(&self, these: &HashSet<(usize, u32)>) -> Vec<u32> {
        let records = self.processes.iter().enumerate().flat_map(|(process, merging)| {
            let first = merging.slot.header.inherited_blocks;
            (first..).zip(&merging.blocks).map(move |(number, id)| ((process, number), *id))
        });
        records.filter(|(record, _)| !these.contains(record)).filter_map(|(_, id)| id).collect()
    }

    /// The profile; `instructions` are those of each process.
    pub(super) fn finish(self, instructions: &[u64], programs: &Programs) -> Profile {
        let mut stats = vec![0u64; stat::COUNT];
        for slot in self.processes.iter().flat_map(Merging::slots) {
            for (sum, value) in stats.iter_mut().zip(slot.header.stats) {
                *sum = sum.saturating_add(value);
            }
        }
        let processes = (0..self.processes.len()).zip(instructions);
        let processes =
            processes.map(|(index, &instructions)| self.process(index, instructions, programs)).collect();
        let (lost, homeless) = (self.lost, self.homeless);
        let (modules, mut blocks) = self.admitted();
        sort_by_place(&mut blocks);
        Profile { modules, blocks, processes, stats, lost, homeless }
    }

    /// The modules that the filter admits, and the blocks, which refer to them by their new places.
    fn admitted(self) -> (Vec<Module>, Vec<Block>) {
        let mut admitted = Vec::new();
        let mut places = Vec::with_capacity(self.modules.modules.len());
        for module in self.modules.modules {
            places.push(ModuleId(admitted.len() as u32));
            if self.filter.admits(&module.path) {
                admitted.push(module);
            }
        }
        let moved = |block: Block| Block { module: places[block.module.index()], ..block };
        (admitted, self.blocks.into_iter().map(moved).collect())
    }

    fn process(&self, index: usize, instructions: u64, programs: &Programs) -> Process {
        let merging = &self.processes[index];
        let header = &merging.slot.header;
        Process {
            slot: merging.slot.index,
            pid: header.pid,
            parent: (header.parent != u32::MAX).then_some(header.parent),
            forked: header.forked,
            program: self.program(index, programs).unwrap_or_default(),
            threads: header.births.saturating_add(1),
            blocks: header.blocks - header.inherited_blocks,
            instructions,
            end: match header.life {
                life::EXITED => ProcessEnd::Exited,
                life::EXECED => ProcessEnd::Execed,
                _ if Path::new(&format!("/proc/{}", header.pid)).exists() => ProcessEnd::Running,
                _ => ProcessEnd::Killed,
            },
        }
    }

    /// The executable of a process: its own, or that of the process it forked from.
    fn program(&self, mut index: usize, programs: &Programs) -> Option<String> {
        loop {
            let merging = &self.processes[index];
            if let Some(program) = programs.get(&merging.slot.index) {
                return Some(program.to_string_lossy().into_owned());
            }
            index = merging.forked_from?;
        }
    }
}

/// Sorts blocks by [`Block::place`]. What is sorted are numbers a third as large, of the first parts of the place and an
/// index: it takes half the time.
fn sort_by_place(blocks: &mut [Block]) {
    let key = |(index, block): (u32, &Block)| block.place() >> 32 << 32 | u128::from(index);
    let mut order: Vec<u128> = (0..).zip(&*blocks).map(key).collect();
    order.sort_unstable();
    let mut from: Vec<u32> = order.into_iter().map(|key| key as u32).collect();
    for first in 0..blocks.len() {
        let mut at = first;
        loop {
            let source = std::mem::replace(&mut from[at], at as u32) as usize;
            if source == first {
                break;
            }
            blocks.swap(at, source);
            at = source;
        }
    }
    for alike in blocks.chunk_by_mut(|one, other| one.place() >> 32 == other.place() >> 32) {
        alike.sort_unstable_by_key(|block| block.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_sorted_by_module_offset_and_bytes() {
        let mut random = 1u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for count in [0, 1, 2, 3, 50, 1000] {
            let mut block = |insns| {
                let (module, offset, bytes) =
                    (ModuleId(next(3) as u32), next(99) << next(58), next(9) as u32);
                Block { module, offset, bytes, insns, entered: 0, executed: 0, executed_bytes: 0 }
            };
            let mut blocks: Vec<Block> = (0..count).map(&mut block).collect();
            let mut sorted = blocks.clone();
            sorted.sort_by_key(|block| (block.module, block.offset, block.bytes));
            sort_by_place(&mut blocks);
            let places = |blocks: &[Block]| blocks.iter().map(Block::place).collect::<Vec<_>>();
            assert_eq!(places(&blocks), places(&sorted));
            let mut all: Vec<u32> = blocks.iter().map(|block| block.insns).collect();
            all.sort_unstable();
            assert!((0..count).eq(all), "each is there once");
        }
    }
}
