//! The host side of `midtrace`: starts a program, puts the rewriting runtime into it and into everything
//! it executes, and reports what ran.
#![deny(unsafe_code)]

mod channel;
mod host;
mod inject;
mod lookup;
mod options;
pub mod report;
#[allow(unsafe_code, reason = "the one module that makes system calls")]
mod sys;

pub use host::{Ending, Note, Outcome, Session, SessionError};
pub use inject::{ImageError, InjectError};
pub use lookup::StartError;
pub use options::{Children, Mode, Options, Program, Torture};

/// Ends this process the way a program ends that is killed by `signal`, without a core file.
pub fn die_by_signal(signal: i32) -> ! {
    sys::die_by_signal(signal)
}
