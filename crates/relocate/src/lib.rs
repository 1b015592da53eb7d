//! Decodes x86-64 instructions, classifies them, and copies them to other addresses.
#![no_std]
#![forbid(unsafe_code)]

mod effects;
mod flags;
mod flow;
mod gpr;
mod insn;
mod layout;
mod live;
mod patch;
mod relocate;
mod scratch;
mod sets;
mod target;

pub use effects::{Effects, MemoryUse, Scanner};
pub use flow::{Counted, CounterWidth, Flow};
pub use insn::{DecodeError, Insn, InsnIter, MAX_INSN_BYTES, decode};
pub use live::{Live, live_in};
pub use relocate::{RelocateError, Relocated, Saved, Spill, relocate};
pub use sets::{FlagSet, GprSet};
pub use target::load_target;
