//! What modules have in common.

use std::sync::Arc;

use crate::error::ModuleError;
use crate::runtime::signals;

/// How instances are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Bytes of each instance's stack. Only what is used takes memory.
    pub stack_bytes: usize,
    /// Where compiled code looks whether it is to stop.
    pub polls: Polls,
}

impl Default for Config {
    fn default() -> Self {
        Self { stack_bytes: 64 << 20, polls: Polls::default() }
    }
}

/// Where compiled code looks whether somebody wants it to stop.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Polls {
    /// At the entries of functions and in every loop: it stops within microseconds.
    #[default]
    EntriesAndLoops,
    /// At entries only, where the compare is also the check of the stack's limit. A loop that calls nothing can
    /// neither be interrupted nor frozen. It is there to measure what polls in loops cost; an image has to be
    /// thawed by an engine with the polls of the one that made it.
    Entries,
}

/// Compiles and runs modules.
///
/// Clones are the same engine. It is `Send` and `Sync`, as are modules; instances and what belongs to
/// them stay in the thread that made them.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Config>);

/// What compiled code needs of the processor, by name.
macro_rules! needed {
    ($($name:tt)*) => {
        [$(($name, std::arch::is_x86_feature_detected!($name))),*]
    };
}

impl Engine {
    /// An engine.
    ///
    /// The first one of a process installs handlers for SIGSEGV, SIGBUS, SIGFPE and SIGILL, which pass on
    /// what is not theirs.
    ///
    /// # Errors
    /// [`ModuleError::Processor`] when this processor lacks AVX, BMI or their like.
    pub fn new(config: Config) -> Result<Self, ModuleError> {
        let features = needed!["sse4.1" "ssse3" "avx" "avx2" "bmi1" "bmi2" "lzcnt" "popcnt"];
        if let Some((missing, _)) = features.into_iter().find(|(_, there)| !there) {
            return Err(ModuleError::Processor { missing });
        }
        signals::install();
        Ok(Self(Arc::new(config)))
    }

    /// How it makes instances.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0
    }
}
