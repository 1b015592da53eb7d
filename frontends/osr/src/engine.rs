//! What modules have in common.

use std::sync::Arc;

use crate::error::ModuleError;
use crate::runtime::signals;

/// How instances are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Bytes of each instance's stack. Only what is used takes memory.
    pub stack_bytes: usize,
    /// How compiled code finds out that it is to stop.
    pub polls: Polls,
}

impl Default for Config {
    fn default() -> Self {
        Self { stack_bytes: 64 << 20, polls: Polls::default() }
    }
}

/// How compiled code finds out that somebody wants it to stop.
///
/// Images of instances with [`Stepped`](Self::Stepped) and [`Compared`](Self::Compared) polls are alike: an
/// engine with the one thaws what an engine with the other has frozen.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Polls {
    /// At the entries of functions it compares, which is the check of the stack's limit too. Loops have no
    /// instruction for it, unless they are long: who wants the code to stop sends SIGURG to its thread, which
    /// then goes on one instruction at a time (by the trap flag and SIGTRAP) to the next loop or entry. That
    /// takes some ten microseconds. It needs a thread that blocks neither signal, as [`Engine::new`] says, and a machine
    /// that steps: some emulators do not, and debuggers show each step, until they are told to pass SIGTRAP on.
    #[default]
    Stepped,
    /// It compares at the entries of functions and in every loop: short loops become a tenth slower, and no
    /// signal is needed.
    Compared,
    /// It compares at entries only. A loop that calls nothing can neither be interrupted nor frozen. It is
    /// there to measure what polls in loops cost; images of instances with other polls may not fit.
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
    /// The first one of a process installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP and SIGURG,
    /// which pass on what is not theirs; who installs others later has to pass on to them in turn.
    ///
    /// With [`Polls::Stepped`], SIGURG is sent to the thread of an instance whenever somebody wants its code to
    /// stop. As signals do, it may end a system call of a host function early (EINTR) where the system does not
    /// start it again. Earlier handlers of SIGURG are called for those too. Threads that make instances block none
    /// of the handled signals from then on, and should leave it at that.
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
