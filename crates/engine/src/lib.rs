//! A thread under rewriting: its context, the gate between cache and engine, translation of states, system calls and signals.
//!
//! **You give** executable pages, a heap, and a [`Policy`] that looks at blocks, hears what happens and decides about
//! execs. **You get** an [`Engine`]: threads entered through it run the program's code from a code
//! cache, with registers, flags, stack, signals and children as they would be without it.
//!
//! **It does not protect from** programs that use the GS segment, that look for the engine's pages, or that measure
//! time. It knows nothing of whole processes: who injects it, what is reported and where to, is the
//! policy's business.
#![no_std]
#![deny(unsafe_code)]

mod code_map;
mod context;
mod dispatch;
mod emulate;
mod engine;
pub mod fatal;
mod follow;
pub mod gate;
mod heap;
mod lock;
mod memory;
mod native;
mod policy;
mod setup;
mod signal;
mod syscall;
mod watch;

pub use code_map::{CodeArea, CodeMap, Writes};
pub use context::{AppState, PENDING_BYTES, ThreadContext, phase, usage};
pub use engine::{Engine, Shared, Span};
pub use follow::{Caller, FollowError, is_following_me, is_in_engine, natively, unfollow_me};
pub use heap::{Heap, HeapRef};
pub use policy::{Birth, CutShort, Domain, Ending, Exec, Following, Leaving, NewCode, Policy};
pub use setup::{ROOM_AT, Setup, SetupError};
pub use syscall::After;
pub use watch::Watch;
