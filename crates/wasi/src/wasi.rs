//! The state of one guest's host side.

use cap_std::fs::Dir;

use crate::call::{Call, Waiting};
use crate::clocks::Clocks;
use crate::errno::Errno;
use crate::functions::Function;
use crate::interrupt::Interrupt;
use crate::memory::GuestMemory;
use crate::random::Random;
use crate::stop::{Exit, Stop};
use crate::table::Table;

/// What one guest has of its host: arguments, environment, open files, clocks.
///
/// Made by a [`Builder`](crate::Builder), or out of a [`Frozen`](crate::Frozen) one.
#[derive(Debug)]
pub struct Wasi {
    pub(crate) args: Vec<Vec<u8>>,
    /// `NAME=value` each.
    pub(crate) env: Vec<Vec<u8>>,
    pub(crate) roots: Vec<Root>,
    pub(crate) table: Table,
    pub(crate) clocks: Clocks,
    pub(crate) random: Random,
    pub(crate) exit: Option<u32>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) interrupt: Interrupt,
    /// For bytes on their way; its contents mean nothing between calls.
    pub(crate) scratch: Vec<u8>,
}

/// A directory the guest was given.
#[derive(Debug)]
pub(crate) struct Root {
    /// What the guest calls it.
    pub(crate) guest: String,
    /// Kept open, so that files below it can be found again when they are frozen.
    pub(crate) dir: Dir,
}

impl Wasi {
    /// Carries out a call of the guest's.
    ///
    /// `args` are the arguments, `i32` ones as their bits. Pointers among them are checked against
    /// `memory`: one that leads out of it makes [`Errno::Fault`], and nothing else happens then.
    ///
    /// # Errors
    /// [`Exit`] when the call does not return to the guest.
    pub fn call(
        &mut self,
        function: &Function,
        memory: &mut dyn GuestMemory,
        args: &[u64],
    ) -> Result<Errno, Exit> {
        if args.len() != function.params().len() {
            return Err(Exit::Arguments { wanted: function.params().len(), found: args.len() });
        }
        let waited = self.waiting.take().filter(|waiting| waiting.is_for(function.name(), args));
        let (since, moved) = waited.map_or((None, 0), |waiting| (Some(waiting.since), waiting.moved));
        let version = function.version;
        let mut call = Call { wasi: self, memory, args, version, waited: since, moved };
        let result = function.run(&mut call);
        let (since, moved) = (call.waited, call.moved);
        match result {
            Ok(()) => Ok(Errno::Success),
            Err(Stop::Errno(errno)) => Ok(errno),
            Err(Stop::Exit(exit)) => {
                if exit == Exit::Interrupted && (since.is_some() || moved > 0) {
                    self.waiting = Some(Waiting::new(function.name(), args, since.unwrap_or(0), moved));
                }
                Err(exit)
            }
        }
    }

    /// What makes calls that wait return, for another thread.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// The status the guest ended with, if it called `proc_exit`.
    #[must_use]
    pub fn exit_code(&self) -> Option<u32> {
        self.exit
    }
}
