//! What a session is asked to do.

use std::ffi::OsString;
use std::path::PathBuf;

use midstride_tracer_abi as abi;

/// What the runtime records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Nothing: the program is rewritten only.
    #[default]
    Run,
    /// Which blocks were executed.
    Cov,
    /// How often each block was executed.
    Count,
}

impl Mode {
    /// The value the runtime knows it by.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Run => abi::MODE_RUN,
            Self::Cov => abi::MODE_COV,
            Self::Count => abi::MODE_COUNT,
        }
    }
}

/// Whether programs that the program executes are rewritten too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Children {
    /// Each exec is followed.
    #[default]
    Follow,
    /// An exec leaves the rewriter; forked children without exec stay.
    Native,
}

/// How hard the runtime treats itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Torture {
    /// Normal operation.
    #[default]
    Off,
    /// Evict constantly, for tests.
    On,
}

/// How a session runs a program.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to record.
    pub mode: Mode,
    /// Whether to follow execs.
    pub children: Children,
    /// Limit for each process's code cache in bytes; 0 for the runtime's default.
    pub cache_bytes: u64,
    /// 0 quiet, 1 notes as they come up, 2 chatter of the runtime's too; goes to standard error.
    pub verbosity: u32,
    /// For tests of the runtime.
    pub torture: Torture,
    /// A runtime image to inject instead of the built-in one.
    pub image: Option<PathBuf>,
}

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name: searched in `PATH` unless it holds a slash.
    pub name: OsString,
    /// Its arguments, without the name.
    pub args: Vec<OsString>,
}
