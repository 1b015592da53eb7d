//! What a session comes back with.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::inject::InjectError;

/// How the program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It exited with this status.
    Exited(u8),
    /// It was killed by this signal.
    Killed(i32),
}

/// Something the user should know: a process that was not traced, and why, or an option not followed to the letter.
#[derive(Debug)]
#[non_exhaustive]
pub enum Note {
    /// The program gains privileges from its file and ran natively.
    Privileged {
        /// Its process id.
        pid: u32,
    },
    /// The host could not attach before an exec.
    NotAttached {
        /// The process.
        pid: u32,
        /// Who traces it already; 0 when nobody, and permission is missing.
        tracer: u32,
    },
    /// The host cannot find the process among those it sees.
    NotFound {
        /// Its process id, as it is numbered in its own pid namespace.
        pid: u32,
    },
    /// A new program could not be injected.
    NotInjected {
        /// Its process id.
        pid: u32,
        /// Why.
        why: InjectError,
    },
    /// The code cache has another size than asked for.
    CacheSize {
        /// Bytes asked for.
        asked: u64,
        /// Bytes it has.
        used: u64,
    },
    /// There was no slot left for another program image.
    NoSlot {
        /// Its process id.
        pid: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privileged { pid } => {
                write!(f, "process {pid} gains privileges from its file (setuid, setgid or capabilities)")
            }
            Self::NotAttached { pid, tracer: 0 } => write!(f, "process {pid}: no permission to trace it"),
            Self::NotAttached { pid, tracer } => write!(f, "process {pid} is already traced by {tracer}"),
            Self::NotFound { pid } => {
                write!(f, "process {pid} is in a pid namespace out of sight, or its memory may not be read")
            }
            Self::NotInjected { pid, why } => {
                let cause = why.source().map_or_else(String::new, |cause| format!(": {cause}"));
                write!(f, "process {pid}: {why}{cause}")
            }
            Self::NoSlot { pid } => write!(f, "process {pid}: no slot left to record it"),
            Self::CacheSize { asked, used } => {
                return write!(f, "the code cache takes {used:#x} bytes, not {asked:#x}");
            }
        }?;
        f.write_str("; it ran natively")
    }
}

/// How a session went.
#[derive(Debug)]
pub struct Outcome {
    /// How the program ended.
    pub ending: Ending,
    /// Its process id.
    pub pid: u32,
    /// From the fork to the end.
    pub wall: Duration,
    /// Processor time of the program and the descendants it waited for, in user mode.
    pub user: Duration,
    /// The same in the kernel.
    pub system: Duration,
    /// What was not traced.
    pub notes: Vec<Note>,
}
