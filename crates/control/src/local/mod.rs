//! Programs in this process.

mod call;
mod frame;
mod gate;
mod generation;
mod guest;
mod handler;
mod registry;
mod run;
mod seat;
mod snippet;
mod syscall;
mod thread;
mod translated;

use std::sync::Arc;

use crate::error::StartError;
use crate::session::{Options, Parts};
use guest::Guest;

/// A machine that steps translated instructions, for the calling thread.
pub(crate) fn translated(options: &Options) -> Result<Parts, StartError> {
    let guest = Guest::new(options)?;
    let call = Arc::clone(&guest.call);
    Ok((Box::new(translated::Translated::new(guest, options.syscalls)), call))
}
