//! A report's contents, before it is printed.

use std::ffi::OsString;
use std::path::PathBuf;

use super::drcov::Written;
use super::profile::Profile;
use super::totals::{
    FunctionSums, ModuleSums, Sums, Symbols, TopBlock, by_function, by_module, top_blocks, total,
};
use crate::host::Outcome;
use crate::options::Mode;

/// How many of the busiest blocks a report shows.
const TOP_BLOCKS: usize = 10;

/// Whether the engine's counters are part of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Counters {
    /// Left out.
    #[default]
    Hidden,
    /// Shown.
    Shown,
}

/// Everything a report says.
#[derive(Debug)]
pub struct Summary {
    /// What was recorded.
    pub mode: Mode,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How it went.
    pub outcome: Outcome,
    /// The merged records.
    pub profile: Profile,
    /// Sums over all modules.
    pub total: Sums,
    /// Sums of each module.
    pub modules: Vec<ModuleSums>,
    /// Sums of each function; empty unless counted.
    pub functions: Vec<FunctionSums>,
    /// The busiest blocks; empty unless counted.
    pub top: Vec<TopBlock>,
    /// The coverage file that was written.
    pub coverage_file: Option<(PathBuf, Written)>,
    /// Whether to say the engine's counters.
    pub counters: Counters,
}

impl Summary {
    /// Computes the sums of `profile`; reads symbol tables when blocks were counted.
    #[must_use]
    pub fn new(mode: Mode, command: &[OsString], outcome: Outcome, profile: Profile) -> Self {
        let modules = by_module(&profile);
        let (functions, top) = match mode {
            Mode::Run | Mode::Cov => (Vec::new(), Vec::new()),
            Mode::Count => {
                let symbols = Symbols::read(&profile);
                (by_function(&profile, &symbols), top_blocks(&profile, &symbols, TOP_BLOCKS))
            }
        };
        Self {
            mode,
            command: command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            outcome,
            total: total(&modules),
            profile,
            modules,
            functions,
            top,
            coverage_file: None,
            counters: Counters::Hidden,
        }
    }

    /// How many threads all processes had together.
    #[must_use]
    pub fn threads(&self) -> u64 {
        self.profile.processes.iter().map(|process| u64::from(process.threads)).sum()
    }
}
