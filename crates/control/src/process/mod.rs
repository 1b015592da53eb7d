//! Programs in a task of their own.
//!
//! The task is a copy of this process, as it was at the start, with one thread; what this process shares with
//! others is taken out of it. It has the program's code, its stack and two slots mapped at addresses that
//! were free, and shares no memory with this process: code is written through `/proc/<pid>/mem`.

mod call;
mod child;
mod halt;
mod machine;
mod place;
mod run;
mod step;
mod syscall;
mod task;

use std::sync::Arc;

use crate::error::StartError;
use crate::session::{Options, Parts};

/// A machine that runs programs in a child, for the calling thread.
pub(crate) fn start(options: &Options) -> Result<Parts, StartError> {
    let machine = machine::Process::new(options)?;
    let call = Arc::clone(&machine.call);
    Ok((Box::new(machine), call))
}
