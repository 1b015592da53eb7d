//! What modules have in common.

use std::sync::Arc;

use crate::error::ModuleError;
use crate::runtime::signals;

/// How instances are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Bytes of each instance's stack. Only what is used takes memory.
    pub stack_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { stack_bytes: 64 << 20 }
    }
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
