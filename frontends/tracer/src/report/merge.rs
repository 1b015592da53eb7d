//! Merging the slots of all processes: modules by file, blocks by place.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
    by_place: HashMap<(ModuleId, u64, u32), u32>,
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
        self.by_place.reserve(records.len());
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
        let next = self.blocks.len() as u32;
        let id = *self.by_place.entry((module, offset, bytes)).or_insert(next);
        if id == next {
            let (insns, executed_bytes) = (record.insns.into(), bytes);
            self.blocks.push(Block { module, offset, bytes, insns, entered: 0, executed: 0, executed_bytes });
        }
        Some(id)
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
        blocks.sort_unstable_by_key(|block| (block.module, block.offset, block.bytes));
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
