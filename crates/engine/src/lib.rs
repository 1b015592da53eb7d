//! A thread under rewriting: its context, the gate between cache and engine, translation of states, system calls and signals.
//!
//! **You give** executable pages, a heap, and a [`Policy`] that looks at blocks, hears what happens and decides about
//! execs. **You get** an [`Engine`]: threads entered through it run the program's code from a code
//! cache, with registers, flags, stack, signals and children as they would be without it.
//!
//! Its [`Domain`] is a whole process, entered before its first instruction by [`Engine::run`], or single
//! threads of its own process, which ask for it by [`Engine::follow_me`] and leave by [`unfollow_me`].
//!
//! **It does not protect from** programs that use the GS segment, that look for the engine's pages, or that measure
//! time. Who injects it, what is reported and where to, is the policy's business. In the domain of single
//! threads it does not see what the others do natively: see [`Policy::unknown_code`] and
//! [`Engine::forget_code_outside`].
//!
//! # What a program can tell
//! - The base of GS is 0 and stays 0: to set it ends the process, with one line and [`fatal::STATUS`] (or following,
//!   where single threads are followed). Operands in GS are read as if its base were 0.
//! - A return to an address that no processor takes, in code that ran before, faults at its target and not where it
//!   stands; so does a jump when several could have led there, and any branch where faults do not come to the
//!   engine.
//! - With alignment checked (AC), a return from a misaligned stack goes on and may fault at its target.
//! - A null selector that is loaded to GS reads as 0; `lgs` is taken for setting the base, whatever it loads.
//! - A far jump or call by a pointer in GS that does not lead to 64-bit code reads the pointer elsewhere, if another
//!   prefix stands in front of that for GS.
//! - A stack pointer that leads into the engine's own stack of signals: the next signal ends the process, with one
//!   line and [`fatal::STATUS`].
//! - x87 state that the program stores names the cache's instruction, and how that addressed its operand.
//! - 32-bit code runs step by step, unseen; a signal waits until it is left, and a handler of one of its faults
//!   cannot return into it.
//! - `rseq` is not there (ENOSYS).
//! - Signals of faults that are ignored (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP) and that somebody sends end calls that
//!   are never restarted (`poll`, `nanosleep`: signal(7)) with EINTR; all other calls go on.
//! - A process that shares the memory and is no thread (clone(2) with `CLONE_VM` alone), killed by SIGKILL in the middle of
//!   the engine's work, leaves the others waiting. After vfork(2) its parent ends, with one line.
//! - Code behind the end of a file that was cut short still runs if it has run before, unless the mapping is
//!   shared.
//! - Once the program confines its system calls (seccomp), its pointers to signal actions and stacks are read
//!   as they are: what the kernel answers with EFAULT is a fault then.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use midstride_addr::{AppPc, AppRange};
//! use midstride_block::{Config, Draft, Unobserved};
//! use midstride_engine::gate::EngineCode;
//! use midstride_engine::{CodeMap, Domain, Engine, Heap, HeapRef, Policy, Setup, Writes, unfollow_me};
//! use midstride_os::{LINUX_PAGES, maps, mem::Prot};
//!
//! struct Blocks(AtomicU64);
//!
//! impl Policy for Blocks {
//!     const DOMAIN: Domain = Domain::Threads;
//!
//!     fn transform(&self, block: &mut Draft) -> u32 {
//!         self.0.fetch_add(block.len() as u64, Ordering::Relaxed);
//!         0
//!     }
//!
//!     fn unknown_code(&self, code: &mut CodeMap, pc: AppPc) {
//!         let _ = maps::for_each_mapping(&mut [0; 8192], |entry| {
//!             let range = AppRange::new(AppPc::new(entry.start), AppPc::new(entry.end));
//!             if entry.prot.contains(Prot::EXEC) && range.contains(pc) {
//!                 code.insert(range, Writes::No);
//!             }
//!         });
//!     }
//! }
//!
//! static HEAP: Heap = Heap::new();
//! let setup = Setup {
//!     source: &LINUX_PAGES,
//!     heap: HeapRef(&HEAP),
//!     config: Config::default(),
//!     code: EngineCode::of_host().ok_or("no XSAVE")?,
//!     observer: &Unobserved,
//! };
//! let engine: &'static Engine<Blocks> = Box::leak(Box::new(setup.engine(Blocks(AtomicU64::new(0)))?));
//! // SAFETY: the policy changes nothing, and nobody unloads code.
//! unsafe { engine.follow_me()? };
//! let word = "mid".to_owned() + "stride";
//! unfollow_me();
//! assert_eq!(word, "midstride");
//! assert!(engine.policy.0.load(Ordering::Relaxed) > 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![deny(unsafe_code)]

mod alive;
mod code_map;
mod context;
mod dispatch;
mod emulate;
mod engine;
pub mod fatal;
mod follow;
pub mod gate;
mod heap;
mod impossible;
mod lock;
mod memory;
mod native;
mod policy;
mod setup;
mod shield;
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
pub use syscall::{After, Limited, Limits};
pub use watch::Watch;

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
