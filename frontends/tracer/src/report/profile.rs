//! All slots merged: which blocks ran, how often, in which modules and processes.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use midstride_tracer_abi as abi;
use midstride_tracer_abi::{life, stat};

use super::filter::Filter;
use super::modules::{Mapped, Mapping, Module, ModuleId, ModuleSet};
use super::slots::Slot;
use crate::options::Mode;

/// A basic block, merged over processes and threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it lies.
    pub module: ModuleId,
    /// Offset of its first instruction from the module's base.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u32,
    /// Its instructions.
    pub insns: u32,
    /// How often it was entered; 0 when not counted.
    pub entered: u64,
    /// Instructions executed in it; 0 when not counted.
    pub executed: u64,
    /// Bytes of it that were executed: all, or fewer when it was always cut short.
    pub executed_bytes: u32,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// It called exit.
    Exited,
    /// Another program took its place.
    Execed,
    /// It was killed, or it still runs.
    Unknown,
}

/// A program image of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its slot.
    pub slot: u32,
    /// Its process id.
    pub pid: u32,
    /// The slot of the process that started it; none for the first.
    pub parent: Option<u32>,
    /// Whether it began as a fork of its parent, without an exec.
    pub forked: bool,
    /// Its executable, as far as known.
    pub program: String,
    /// Threads it had, itself included.
    pub threads: u32,
    /// Blocks it built itself.
    pub blocks: u32,
    /// Instructions it executed; 0 when not counted.
    pub instructions: u64,
    /// How it ended.
    pub end: ProcessEnd,
}

/// Everything that was recorded.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Modules; blocks refer to them by index.
    pub modules: Vec<Module>,
    /// Blocks, ascending by module and offset.
    pub blocks: Vec<Block>,
    /// Processes, in the order of their slots.
    pub processes: Vec<Process>,
    /// Engine counters summed over everything, by `midstride_tracer_abi::stat`.
    pub stats: Vec<u64>,
    /// Records that found no room in a slot, or made no sense.
    pub lost: u64,
    /// Blocks in no recorded module.
    pub homeless: u64,
}

/// A process being merged: its own blocks and mappings, and where the inherited ones are.
struct Merging<'f> {
    slot: Slot<'f>,
    /// Index, among the merged processes, of the one it forked from.
    forked_from: Option<usize>,
    mappings: Vec<Mapping>,
    /// For each own block, its index among the merged blocks.
    blocks: Vec<Option<u32>>,
    /// Slots of its further threads.
    threads: Vec<Slot<'f>>,
}

#[derive(Default)]
struct Merger<'f> {
    filter: Filter,
    modules: ModuleSet,
    blocks: Vec<Block>,
    by_place: HashMap<(ModuleId, u64, u32), u32>,
    processes: Vec<Merging<'f>>,
    lost: u64,
    homeless: u64,
}

impl Profile {
    /// Reads the first `slots` slots of a channel.
    ///
    /// # Errors
    /// The kernel's while reading.
    pub fn read(file: &File, slots: u32, mode: Mode, filter: Filter) -> io::Result<Self> {
        let mut merger = Merger { filter, ..Merger::default() };
        merger.collect(file, slots)?;
        for index in 0..merger.processes.len() {
            merger.place_mappings(index)?;
            merger.place_blocks(index)?;
        }
        let counted = match mode {
            Mode::Count => merger.count()?,
            Mode::Run | Mode::Cov => {
                merger.cut_short()?;
                vec![0; merger.processes.len()]
            }
        };
        Ok(merger.finish(&counted))
    }
}

impl<'f> Merger<'f> {
    fn collect(&mut self, file: &'f File, slots: u32) -> io::Result<()> {
        let mut threads = Vec::new();
        let mut by_slot = HashMap::new();
        for index in 0..slots {
            let Some(slot) = Slot::read(file, index)? else { continue };
            self.lost += u64::from(slot.header.lost);
            if slot.header.owner != index {
                threads.push(slot);
                continue;
            }
            let forked_from = by_slot.get(&slot.header.parent).copied().filter(|_| slot.header.forked);
            by_slot.insert(index, self.processes.len());
            let (mappings, blocks, threads) = (Vec::new(), Vec::new(), Vec::new());
            self.processes.push(Merging { slot, forked_from, mappings, blocks, threads });
        }
        for thread in threads {
            match by_slot.get(&thread.header.owner) {
                Some(&process) => self.processes[process].threads.push(thread),
                None => self.lost += 1,
            }
        }
        Ok(())
    }

    fn place_mappings(&mut self, index: usize) -> io::Result<()> {
        let process = &self.processes[index];
        let mut mappings = self.inherited_mappings(process);
        let (records, paths) = (process.slot.own_modules()?, process.slot.paths()?);
        for record in records {
            let end = record.path_at as usize + record.path_len as usize;
            let Some(path) = paths.get(record.path_at as usize..end) else {
                self.lost += 1;
                continue;
            };
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            let (start, file_offset) = (record.start, record.file_offset);
            let (module, bias) = self.modules.place(Mapped { start, end: record.end, file_offset, path });
            let (since_block, until_block) = (record.since_block, record.until_block);
            mappings.push(Mapping { start, end: record.end, module, bias, since_block, until_block });
        }
        self.processes[index].mappings = mappings;
        Ok(())
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

    fn place_blocks(&mut self, index: usize) -> io::Result<()> {
        let process = &self.processes[index];
        let first = process.slot.header.inherited_blocks;
        let records = process.slot.own_blocks()?;
        let mut blocks = Vec::with_capacity(records.len());
        for (number, record) in (first..).zip(records) {
            // The latest mapping is the one the block was read from.
            let holds = |mapping: &&Mapping| mapping.holds(number, record.start);
            let mapping = self.processes[index].mappings.iter().rev().find(holds).copied();
            let place = mapping.map(|mapping| (mapping.module, record.start.wrapping_sub(mapping.bias)));
            blocks.push(self.place_block(place, record));
        }
        self.processes[index].blocks = blocks;
        Ok(())
    }

    fn place_block(&mut self, place: Option<(ModuleId, u64)>, record: abi::Block) -> Option<u32> {
        let Some((module, offset)) = place else {
            self.homeless += 1;
            return None;
        };
        if !self.filter.admits(&self.modules.modules[module.index()].path) {
            return None;
        }
        let next = self.blocks.len() as u32;
        let id = *self.by_place.entry((module, offset, record.bytes)).or_insert(next);
        if id == next {
            let (bytes, insns) = (record.bytes, record.insns.into());
            let executed_bytes = bytes;
            self.blocks.push(Block { module, offset, bytes, insns, entered: 0, executed: 0, executed_bytes });
        }
        Some(id)
    }

    /// The merged block that a process calls `number`, inherited ones included.
    fn block_of(&self, mut process: usize, number: u32) -> Option<u32> {
        loop {
            let merging = &self.processes[process];
            match number.checked_sub(merging.slot.header.inherited_blocks) {
                Some(own) => return merging.blocks.get(own as usize).copied().flatten(),
                None => process = merging.forked_from?,
            }
        }
    }

    /// Adds up counters; answers the instructions of each process.
    fn count(&mut self) -> io::Result<Vec<u64>> {
        let mut totals = Vec::with_capacity(self.processes.len());
        let mut cut_bytes: HashMap<u32, CutShort> = HashMap::new();
        for process in 0..self.processes.len() {
            let merging = &self.processes[process];
            let slots: Vec<Slot<'f>> =
                std::iter::once(&merging.slot).chain(&merging.threads).cloned().collect();
            let numbers = merging.slot.header.blocks;
            let mut total = 0u64;
            for slot in slots {
                total += self.add_counters(process, numbers, &slot)?;
                total -= self.take_partials(process, &slot, &mut cut_bytes)?.min(total);
            }
            totals.push(total);
        }
        for (block, cut) in cut_bytes {
            let block = &mut self.blocks[block as usize];
            if cut.times >= block.entered {
                block.executed_bytes = cut.bytes.min(block.bytes.into()) as u32;
            }
        }
        Ok(totals)
    }

    fn add_counters(&mut self, process: usize, numbers: u32, slot: &Slot<'_>) -> io::Result<u64> {
        let mut total = 0u64;
        for (number, count) in (0..).zip(slot.counters(numbers)?) {
            if count == 0 {
                continue;
            }
            if let Some(id) = self.block_of(process, number) {
                let block = &mut self.blocks[id as usize];
                let executed = count.saturating_mul(block.insns.into());
                block.entered = block.entered.saturating_add(count);
                block.executed = block.executed.saturating_add(executed);
                total = total.saturating_add(executed);
            }
        }
        Ok(total)
    }

    /// Takes off what entered blocks did not execute; answers how many instructions that is.
    fn take_partials(
        &mut self,
        process: usize,
        slot: &Slot<'_>,
        cut: &mut HashMap<u32, CutShort>,
    ) -> io::Result<u64> {
        let mut total = 0u64;
        for partial in slot.partials()? {
            let Some(id) = self.block_of(process, partial.block) else { continue };
            let block = &mut self.blocks[id as usize];
            let missing = u64::from(block.insns.saturating_sub(partial.insns)).saturating_mul(partial.times);
            block.executed = block.executed.saturating_sub(missing);
            total = total.saturating_add(missing);
            cut.entry(id).or_default().add(partial);
        }
        Ok(total)
    }

    /// Without counters: a block that was cut short counts as far as it got.
    fn cut_short(&mut self) -> io::Result<()> {
        let mut cut: HashMap<u32, CutShort> = HashMap::new();
        for process in 0..self.processes.len() {
            for partial in self.processes[process].slot.partials()? {
                if let Some(id) = self.block_of(process, partial.block) {
                    cut.entry(id).or_default().add(partial);
                }
            }
        }
        for (block, cut) in cut {
            let block = &mut self.blocks[block as usize];
            block.executed_bytes = cut.bytes.min(block.bytes.into()) as u32;
        }
        Ok(())
    }

    fn finish(self, counted: &[u64]) -> Profile {
        let mut stats = vec![0u64; stat::COUNT];
        for merging in &self.processes {
            for slot in std::iter::once(&merging.slot).chain(&merging.threads) {
                for (sum, value) in stats.iter_mut().zip(slot.header.stats) {
                    *sum = sum.saturating_add(value);
                }
            }
        }
        let processes = self.processes.iter().zip(counted);
        let processes =
            processes.map(|(merging, &instructions)| self.process(merging, instructions)).collect();
        let mut blocks = self.blocks;
        blocks.sort_by_key(|block| (block.module, block.offset, block.bytes));
        let modules = self.modules.modules;
        Profile { modules, blocks, processes, stats, lost: self.lost, homeless: self.homeless }
    }

    fn process(&self, merging: &Merging<'_>, instructions: u64) -> Process {
        let header = &merging.slot.header;
        let first = merging.mappings.first().map(|mapping| &self.modules.modules[mapping.module.index()]);
        Process {
            slot: merging.slot.index,
            pid: header.pid,
            parent: (header.parent != u32::MAX).then_some(header.parent),
            forked: header.forked,
            program: first.map_or_else(String::new, Module::name),
            threads: 1 + merging.threads.len() as u32,
            blocks: header.blocks - header.inherited_blocks,
            instructions,
            end: match header.life {
                life::EXITED => ProcessEnd::Exited,
                life::EXECED => ProcessEnd::Execed,
                _ => ProcessEnd::Unknown,
            },
        }
    }
}

/// How often a block was cut short, and how far it got at best.
#[derive(Default)]
struct CutShort {
    times: u64,
    bytes: u64,
}

impl CutShort {
    fn add(&mut self, partial: abi::Partial) {
        self.times = self.times.saturating_add(partial.times);
        self.bytes = self.bytes.max(partial.bytes);
    }
}
