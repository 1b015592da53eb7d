//! How often blocks ran: counters of all threads, less what was cut short.
//!
//! A counter counts entries of a block. A partial record says that `times` entries ended early, after `insns`
//! instructions: a fault, or a signal. So a block executed `entries × its instructions − Σ times × (its
//! instructions − insns)` instructions.

use std::collections::{HashMap, HashSet};
use std::io;

use midstride_tracer_abi as abi;

use super::merge::{Merger, Merging};
use super::slots::Slot;

/// Adds counts to merged blocks.
pub(super) struct Counting<'m, 'f> {
    merger: &'m mut Merger<'f>,
    /// By index of the merged block.
    cut: HashMap<u32, CutShort>,
}

/// How often a block was cut short, and how far it got at best.
#[derive(Default)]
struct CutShort {
    times: u64,
    bytes: u64,
}

impl<'m, 'f> Counting<'m, 'f> {
    pub(super) fn new(merger: &'m mut Merger<'f>) -> Self {
        Self { merger, cut: HashMap::new() }
    }

    /// Adds up everything; answers the instructions of each process.
    pub(super) fn count(mut self) -> io::Result<Vec<u64>> {
        let mut totals = Vec::with_capacity(self.merger.processes.len());
        for process in 0..self.merger.processes.len() {
            let blocks = self.merger.processes[process].slot.header.blocks;
            let (mut entered, mut missing) = (0u64, 0u64);
            for slot in self.slots(process) {
                entered = entered.saturating_add(self.add_counters(process, blocks, &slot)?);
                missing = missing.saturating_add(self.add_partials(process, &slot)?);
            }
            totals.push(entered.saturating_sub(missing));
        }
        self.shorten(|cut, entered| cut.times >= entered);
        Ok(totals)
    }

    /// Without counters: a block whose first run was cut short counts as far as it got, unless it was built
    /// again and then ran to its end. Answers zeros.
    pub(super) fn cut_short(mut self) -> io::Result<Vec<u64>> {
        let mut cut = HashSet::new();
        for process in 0..self.merger.processes.len() {
            for slot in self.slots(process) {
                self.add_partials(process, &slot)?;
                cut.extend(slot.partials()?.iter().map(|partial| (process, partial.block)));
            }
        }
        if !cut.is_empty() {
            for id in self.merger.recorded_beside(&cut) {
                self.cut.remove(&id);
            }
            self.shorten(|_, _| true);
        }
        Ok(vec![0; self.merger.processes.len()])
    }

    fn slots(&self, process: usize) -> Vec<Slot<'f>> {
        Merging::slots(&self.merger.processes[process]).cloned().collect()
    }

    /// Answers the instructions of all entries in `slot`.
    fn add_counters(&mut self, process: usize, blocks: u32, slot: &Slot<'_>) -> io::Result<u64> {
        let mut total = 0u64;
        for (number, count) in (0..).zip(slot.counters(blocks)?).filter(|&(_, count)| count != 0) {
            if let Some(id) = self.merger.block_of(process, number) {
                let block = &mut self.merger.blocks[id as usize];
                let executed = count.saturating_mul(block.insns.into());
                block.entered = block.entered.saturating_add(count);
                block.executed = block.executed.saturating_add(executed);
                total = total.saturating_add(executed);
            }
        }
        Ok(total)
    }

    /// Answers how many instructions of entered blocks did not run.
    fn add_partials(&mut self, process: usize, slot: &Slot<'_>) -> io::Result<u64> {
        let mut total = 0u64;
        for partial in slot.partials()? {
            let Some(id) = self.merger.block_of(process, partial.block) else { continue };
            let block = &mut self.merger.blocks[id as usize];
            let missing = u64::from(block.insns.saturating_sub(partial.insns)).saturating_mul(partial.times);
            block.executed = block.executed.saturating_sub(missing);
            total = total.saturating_add(missing);
            self.cut.entry(id).or_default().add(partial);
        }
        Ok(total)
    }

    /// Takes the unexecuted end off the blocks that never ran whole.
    fn shorten(&mut self, never_whole: impl Fn(&CutShort, u64) -> bool) {
        for (&id, cut) in &self.cut {
            let block = &mut self.merger.blocks[id as usize];
            if never_whole(cut, block.entered) {
                block.executed_bytes = cut.bytes.min(block.bytes.into()) as u32;
            }
        }
    }
}

impl CutShort {
    fn add(&mut self, partial: abi::Partial) {
        self.times = self.times.saturating_add(partial.times);
        self.bytes = self.bytes.max(partial.bytes);
    }
}
