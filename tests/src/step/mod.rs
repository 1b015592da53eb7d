//! The oracle: counts what a program executes by single-stepping it.
//!
//! **An executed instruction** is one that completed: execution went on behind it, at its target, or (for
//! `int3` and their like) in the handler that its trap started. One that faults is not executed; when it is
//! tried again and completes, it counts then, once. A string instruction with a repeat prefix counts once,
//! however many iterations it makes and however often a signal interrupts it. A system call counts when it
//! is entered, also when it never returns (exit, a successful exec, death inside it). An instruction that
//! the processor runs together with a load of SS counts like any other.
//!
//! What starts a signal handler, and the return from one (an ordinary system call), are no instructions.
//! Sources: ptrace(2); Intel SDM volume 3, sections 17.3.1.4 (single-step exceptions), 6.8.3 (masking after
//! a load of SS).

mod places;
mod threads;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::ptrace;
use serde::{Deserialize, Serialize};

pub use threads::StepError;

/// What was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// Instructions executed, all threads together.
    pub instructions: u64,
    /// Threads that ever ran, the first one included.
    pub threads: u32,
    /// For each file that code came from, how often the instruction at each offset (from the address where
    /// the file's first mapping starts) was executed.
    pub modules: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Executed instructions that lie in no file.
    pub elsewhere: u64,
    /// Exit status, or 256 plus the signal it died of.
    pub end: i32,
}

/// Runs a command to its end, one instruction at a time.
///
/// # Errors
/// When it cannot be started or traced, or does something that is not modelled (fork, realtime signals).
pub fn run(words: &[OsString]) -> Result<Steps, StepError> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    // SAFETY: the closure runs in the forked child before exec and makes one system call; it allocates
    // nothing and takes no lock, which is all that pre_exec asks for.
    unsafe {
        command.pre_exec(|| ptrace::traceme().map_err(std::io::Error::from));
    }
    let child = command.spawn().map_err(StepError::NotStarted)?;
    threads::Stepper::new(child.id())?.run()
}
