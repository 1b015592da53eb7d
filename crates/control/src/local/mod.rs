//! Programs in this process.

mod base;
mod call;
mod frame;
mod gate;
mod generation;
mod guest;
mod handler;
mod machine;
mod native;
mod passage;
mod registry;
mod run;
mod seat;
mod single;
mod snippet;
mod steps;
mod syscall;
mod thread;
mod translated;

use std::sync::Arc;

pub use passage::{Left, Pace as PassagePace, Passage, Scope, Stopper, View};

use crate::error::StartError;
use crate::session::{Options, Parts};
use guest::Guest;
use machine::{Local, Style};

/// A machine that steps translated instructions, for the calling thread.
pub(crate) fn translated(options: &Options) -> Result<Parts, StartError> {
    let guest = Guest::new(options)?;
    let call = Arc::clone(&guest.call);
    Ok((Box::new(Local::new(guest, Style::Translated)), call))
}

/// A machine that runs programs natively, for the calling thread.
pub(crate) fn signal(options: &Options) -> Result<Parts, StartError> {
    let guest = Guest::new(options)?;
    let call = Arc::clone(&guest.call);
    Ok((Box::new(Local::new(guest, Style::Native(options.steps))), call))
}
