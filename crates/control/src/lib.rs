//! Runs loose machine code under full control: registers, steps, breakpoints, edits, hot reload.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

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
