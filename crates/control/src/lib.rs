//! Runs loose machine code under full control: registers, steps, breakpoints, edits, hot reload.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod chain;
mod point;
mod program;
mod registers;

pub use chain::{AssembleError, Chains, CodeMap, Destination, Exits, PieceKind, Spot, assemble};
pub use point::{CodePoint, ExitKind, ExitPoint};
pub use program::{Edge, InsnId, Node, Program, ProgramError};
pub use registers::{
    Change, Changes, F80, Lane, NoSuchValue, Registers, Valid, Value, Vector, X87, XsaveFormat,
};
