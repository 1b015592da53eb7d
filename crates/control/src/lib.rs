//! Runs loose machine code under full control: registers, steps, breakpoints, edits, hot reload.
//!
//! **You give** a [`Program`]: instructions with identity, linked by edges. **You get** a [`Controller`], made by
//! [`Session`]: it runs the program from any instruction, in this process by signals or by translation, or in a task
//! of its own under ptrace; stops, steps and changes it at any time, from any thread; replaces it while it runs; and
//! tells each exit, fault, breakpoint and system call as an [`Event`]. [`Registers`] are everything the processor has.
//! Without the feature `std` there are programs, [`assemble`] and registers, for `no_std`.
//!
//! **It does not protect from** programs that change this process's memory, when they run in it ([`Backend::Signal`],
//! [`Backend::Translated`]): whatever raises a signal is survived, see the README; whatever overwrites the heap, the
//! controller's own pages or another thread's stack is not. [`Backend::Ptrace`] survives that too. A program
//! under ptrace that is in a system call that cannot be interrupted answers when it comes back.
//!
//! ```
//! use std::time::Duration;
//!
//! use midstride_control::{Backend, CodePoint, Controller, Event, InsnId, Options, Program, Session};
//!
//! const LONG: Duration = Duration::from_secs(60);
//! let again = Program::from_code(&[0x48, 0xff, 0xc0, 0xeb, 0xfb], Default::default()); // inc rax; jmp again
//! let ends = Program::from_code(&[0x48, 0xff, 0xc0], Default::default());
//! for backend in Backend::ALL {
//!     // SAFETY: these programs change one register.
//!     let session = unsafe { Session::start(backend, Options::default()) }?;
//!     session.load(again.clone())?;
//!     session.run(InsnId::new(0))?;
//!     while session.state()?.registers.gpr.rax < 1000 {}
//!     session.load(ends.clone())?; // while it runs
//!     assert!(matches!(session.wait(LONG), Some(Event::Exit(_))));
//!     assert!(matches!(session.state()?.point, CodePoint::Exit(_)));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sources: Linux's signal(7), ptrace(2) and its XSAVE frames; Intel SDM volume 1, chapter 13, and volume 3, 17.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "std")]
mod calls;
mod chain;
#[cfg(feature = "std")]
mod condition;
#[cfg(feature = "std")]
mod controller;
#[cfg(feature = "std")]
mod cpu;
#[cfg(feature = "std")]
mod error;
#[cfg(feature = "std")]
mod event;
#[cfg(feature = "std")]
mod history;
#[cfg(feature = "std")]
mod local;
#[cfg(feature = "std")]
mod machine;
mod point;
#[cfg(feature = "std")]
mod process;
mod program;
mod registers;
#[cfg(feature = "std")]
mod session;

/// Runs the README's example.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use chain::{AssembleError, Chains, CodeMap, Destination, Exits, PieceKind, Placed, Spot, assemble};
pub use point::{CodePoint, ExitKind, ExitPoint};
pub use program::{Edge, InsnId, Node, Program, ProgramError};
pub use registers::{
    Change, Changes, F80, Lane, NoSuchValue, Registers, Valid, Value, Vector, X87, XsaveFormat,
};
#[cfg(feature = "std")]
pub use {
    condition::{Condition, Relation},
    controller::{
        Activity, Affinity, Backend, Capture, Controller, Edit, State, Step, Steps, Syscalls, Visit,
    },
    error::{ControlError, LoadError, StartError},
    event::{Death, Event, Events, Fault, Refusal},
    local::{Left, Passage, PassagePace, Scope, Stopper, View},
    session::{Options, Session},
};
