//! A prompt for machine code: what is typed runs on live registers.
//!
//! **You give** lines: instructions in Intel syntax or as bytes, data, labels, and commands ([`specs`] lists them).
//! **You get** [`Event`]s: encodings, registers and flags that changed, faults with the instruction, memory,
//! measurements; as data, as [`Text`] or as [JSON](Event::to_json). `midlab` is this library with a line editor.
//!
//! A [`Session`] holds a program that grows with each line, the registers and memory it works on, breakpoints, and
//! states to go back to. It runs by one of [`midstride_control`]'s backends, and looks the same with each: code, data
//! and stack have fixed addresses.
//!
//! **It does not protect from** what instructions do to the process that they run in: with the backends `signal` and
//! `translated` that is this one ([`Session::start`] is `unsafe`), with `ptrace` ([`Session::isolated`]) one of
//! their own. System calls are made, not simulated.
//!
//! ```
//! use midstride_lab::{Event, Session};
//!
//! let mut lab = Session::isolated()?;
//! let mut told = Vec::new();
//! for line in ["mov ecx, 5", "xor eax, eax; .loop: add eax, ecx; dec ecx; jnz .loop", "assert eax == 15"] {
//!     lab.execute(line, &mut |event| told.push(event))?;
//! }
//! assert!(told.iter().any(|event| matches!(event, Event::Changed(change) if change.to_string() == "rcx     5 → 0")));
//!
//! let error = lab.execute("add rax, ebx", &mut |_| ()).unwrap_err();
//! assert!(error.to_string().starts_with("line 1, column 10: this operand does not fit here"));
//! # Ok::<(), midstride_lab::Error>(())
//! ```
//!
//! # Where unsafe code is
//! `session::start`: a controller whose programs run in this process; `cli`: the same, for whoever types.
#![deny(unsafe_op_in_unsafe_fn)]

mod command;
mod error;
mod event;
mod hex;
mod json;
mod registers;
mod session;
mod text;

pub use command::{Command, Flow, Scope, Spec, Verb, specs};
pub use error::Error;
pub use event::{Code, Event, Fault, Format, Number, Which, Why};
pub use session::{Session, Sink};
pub use text::Text;
