//! Code as it stands against code rewritten: the whole state behind it has to be the same.
//!
//! A case is code, registers and memory. It runs natively in this process, between a prologue that loads and an
//! epilogue that saves every register ([`Passage`](midstride_control::Passage)), then rewritten:
//!
//! - by a code cache with what an engine does behind its doors, in each way of [`Rewriting::all`]: slots by GS or
//!   by address, near and far memory, blocks that look at their code, counters, callouts, a tiny cache;
//! - by an engine that follows this thread, handlers of its faults included ([`Survey::of_all_forms_followed`],
//!   [`Programs::followed`]).
//!
//! Compared are 16 general registers, rip, all flags, x87, MXCSR, vector and mask registers, the base of FS, windows
//! of memory near and far, below 2 GiB and on the stack with its red zone, the selectors of all segments, and how it
//! ended: where, or by which signal with which code and address. Flags and registers are all live at the end. Where
//! a clock, a random number or the processor's identity is the result, everything else is compared.
//!
//! | cases | made by |
//! |---|---|
//! | every form that iced encodes, over classes of operands | [`Survey`] |
//! | instructions in a row | [`Kind::Straight`] |
//! | graphs of blocks: calls, returns, indirect branches, loops | [`Kind::Graph`] |
//! | every instruction of the cache for such graphs, stepped | [`Programs::stepped`] |
//! | every way to leave a block, stepped, stubs of system calls included | [`step_through_shapes`] |
//!
//! What is not run, and why, is told by [`skip`]; 32-bit code is left to the processor and compared by whole programs. What is known to differ is listed in [`Limit`]; besides, x87 state
//! names the instruction of the cache, how it addressed its operand, and an operand that may be another's.

mod bench;
mod body;
mod case;
mod follow;
mod graph;
mod low;
mod machine;
mod outcome;
mod programs;
mod rewriter;
mod rewriting;
mod selectors;
mod shape;
mod shapes;
mod single;
mod skip;
mod special;
mod steer;
mod stepping;
mod survey;
mod trace;
mod vectors;
mod walk;
mod watch;
mod world;

pub use bench::{Limit, Report, Verdict};
pub use follow::Instrumentation;
pub(crate) use programs::Maker;
pub use programs::{Kind, Programs};
pub use rewriting::Rewriting;
pub use shapes::step_through_shapes;
pub use skip::{Skip, skip, takes_an_engine};
pub use stepping::Steps;
pub use survey::{Coverage, Survey, Tally};

#[cfg(test)]
mod tests;
