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

pub(crate) use calls::install_stack;
pub(crate) use step::Step;
pub(crate) use table::{NO_STACK, Signals};
