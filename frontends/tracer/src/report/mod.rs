//! What ran: reading the slots, merging them, and saying it.

mod counting;
mod disasm;
pub mod drcov;
mod elf;
mod filter;
mod functions;
pub mod json;
mod mapped;
mod merge;
mod modules;
mod profile;
mod slots;
mod stats;
mod summary;
mod table;
pub mod text;
mod totals;

pub use disasm::{Line, lines as disassemble};
pub use filter::Filter;
pub use modules::{Module, ModuleId};
pub use profile::{Block, Process, ProcessEnd, Profile, Programs};
pub use summary::{Counters, Summary};
pub use totals::{
    FunctionSums, ModuleSums, Sums, Symbols, TopBlock, by_function, by_module, demangle, top_blocks, total,
};

#[cfg(test)]
mod drcov_tests;
#[cfg(test)]
mod elf_tests;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod output_tests;
#[cfg(test)]
mod tests;
