//! Signals: the kernel keeps mask and pending set, the engine keeps handlers and delivers.
//!
//! The kernel calls [`handler`] for every signal the program handles. It finds out where the program is,
//! writes the frame that the kernel would have written for an unobserved program, and lets the thread go on in
//! the program's handler. A signal that arrives while the thread is in the gate waits for its end.

mod back;
mod calls;
mod deliver;
mod handler;
mod step;
mod table;
pub(crate) mod wrap;

use midstride_os::signal::{SIGTRAP, SigInfo};

pub(crate) use calls::install_stack;
pub(crate) use deliver::forced;
pub(crate) use step::Step;
pub(crate) use table::{NO_STACK, Signals};

/// TF of the flags.
pub(crate) const TRAP_FLAG: u64 = 0x100;
/// Selector of 64-bit user code on Linux.
pub(crate) const USER_CS: u16 = 0x33;
/// Selector of user data.
pub(crate) const USER_SS: u16 = 0x2b;

/// Whether an instruction of the interrupted code raised the signal.
pub(crate) fn is_fault(signal: i32, info: &SigInfo) -> bool {
    info.code > 0 && table::FAULTS.contains(&signal)
}

/// Whether it is a single step.
pub(crate) fn is_step(signal: i32, info: &SigInfo) -> bool {
    const TRAP_TRACE: i32 = 2;
    signal == SIGTRAP && info.code == TRAP_TRACE
}
