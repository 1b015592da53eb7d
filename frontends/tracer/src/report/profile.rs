//! What was recorded, merged over processes and threads.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::counting::Counting;
use super::filter::Filter;
use super::merge::Merger;
use super::modules::{Module, ModuleId};
use crate::options::Mode;

/// The executable of each slot whose image the host injected.
pub type Programs = HashMap<u32, PathBuf>;

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

impl Block {
    /// By what blocks are told apart, and their order: module, offset, bytes; in one number, which is compared at once.
    pub(super) fn place(&self) -> u128 {
        u128::from(self.module.0) << 96 | u128::from(self.offset) << 32 | u128::from(self.bytes)
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// It called exit.
    Exited,
    /// Another program took its place.
    Execed,
    /// It was killed.
    Killed,
    /// It outlived the program.
    Running,
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

impl Profile {
    /// Reads the first `slots` slots of a channel; leaves out blocks of modules that `filter` keeps out.
    ///
    /// # Errors
    /// The kernel's while reading.
    pub fn read(
        file: &File,
        slots: u32,
        mode: Mode,
        filter: Filter,
        programs: &Programs,
    ) -> io::Result<Self> {
        let mut merger = Merger::new(filter);
        merger.merge(file, slots)?;
        let instructions = match mode {
            Mode::Count => Counting::new(&mut merger).count()?,
            Mode::Run | Mode::Cov => Counting::new(&mut merger).cut_short()?,
        };
        Ok(merger.finish(&instructions, programs))
    }
}
