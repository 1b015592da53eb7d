//! The running side: one thread that starts the program, injects the runtime at each exec, passes signals
//! on, and waits for the end.

mod attached;
mod changes;
mod job;
mod outcome;
mod requester;
mod requests;
mod session;

pub use outcome::{Ending, Note, Outcome};
pub use session::{Session, SessionError};
