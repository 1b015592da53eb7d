//! Where a stopped thread's values are: register frames, signal frames, XSAVE, System V arguments.
//!
//! **You give** a [`Register`] and what is open around it: a [`GprFrame`], a kernel [`signal`] frame, an
//! [`xsave`] area, a call ([`sysv`]). **You get** the place of its value:
//! an offset, a piece, a [`Location`] that can be resolved against a [`Machine`]. All offsets are
//! generated from `repr(C)` structures and checked when this crate is compiled, so code that is
//! emitted with them and Rust code that reads the structures agree.
//!
//! **It does not protect from** frames that were never filled: nothing here reads memory, executes an
//! instruction or knows which frame is open. Bytes from outside are checked for length only.
//!
//! ```
//! use midstride_frame::{GprFrame, Register};
//!
//! // A frame is a structure with the registers in hardware order.
//! assert_eq!(GprFrame::offset(Register::RSP), Some(8 * 4));
//! let frame = GprFrame { rsp: 0x7000, ..GprFrame::default() };
//! assert_eq!(frame.get(Register::RSP), Some(0x7000));
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod convert;
pub mod dwarf;
mod gpr;
mod location;
pub mod ptrace;
mod register;
pub mod signal;
pub mod sysv;
pub mod xsave;

pub use gpr::{GprFrame, rflags};
pub use location::{Base, Location, Machine};
pub use register::Register;

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
