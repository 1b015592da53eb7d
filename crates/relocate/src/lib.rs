//! Decodes x86-64 instructions, says what they do, and copies them to other addresses.
//!
//! **You give** the bytes of a program and the address it has them at; to copy, a
//! [`Writer`](midstride_asm::Writer), a place to [spill](Spill) one register, and the registers that are free.
//!
//! **You get** [`Insn`]s: [where control goes](Flow), [what they read and write](Effects) (registers, each flag
//! by itself, memory), from that [liveness](live_in), and [copies](relocate) that do at their new pc what the
//! original does at its own. Branches are not copied: they are for the caller to rebuild from [`Flow`] and
//! [`load_target`].
//!
//! | the instruction | its copy |
//! |---|---|
//! | no operand relative to rip | the same bytes |
//! | `[rip+disp32]`, in reach of the copy | another displacement |
//! | `[eip+disp32]`, `lea r32, [rip+disp32]` | another displacement; always in reach |
//! | `lea r64, [rip+disp32]` out of reach | `mov r64, imm` |
//! | any other `[rip+disp32]` out of reach | `[reg]`: a free register, or one saved in the spill slot |
//!
//! Copies use neither the program's stack nor its flags. Everything is computed per instruction, nothing is
//! allocated, except by [`Scanner::new`] and, once per process, by iced's decoder tables.
//!
//! **It does not protect from** what the decoder does not know: an instruction it cannot read is
//! [`DecodeError::Invalid`] even where a newer processor executes it (APX, for one). It does not model segment
//! bases, TF, or vector registers, nor what a copy's address shows through x87 instruction pointers; see
//! [`Special`].
//!
//! ```
//! use midstride_addr::{AppPc, CachePc};
//! use midstride_asm::{Gpr, Mem, Segment, Writer};
//! use midstride_relocate::{Flow, GprSet, InsnIter, Relocated, Saved, Scanner, Spill, relocate};
//!
//! // add [rip+0x10], eax; ret
//! let program = [0x01, 0x05, 0x10, 0x00, 0x00, 0x00, 0xc3];
//! let insns: Vec<_> = InsnIter::new(&program, AppPc::new(0x40_0000)).collect::<Result<_, _>>()?;
//! assert_eq!(insns[0].flow(), Flow::Next);
//! assert_eq!(insns[1].flow(), Flow::Return { pop: 0 });
//! assert_eq!(Scanner::new().effects(&insns[0]).gpr_read, GprSet::of(Gpr::Rax));
//!
//! struct Slot;
//! impl Spill for Slot {
//!     fn slot(&self) -> Mem {
//!         Mem::abs32(0x28).seg(Segment::Gs)
//!     }
//! }
//!
//! let mut buffer = [0; 64];
//! let mut w = Writer::new(&mut buffer, CachePc::new(0x7f00_0000_0000));
//! let free = GprSet::of(Gpr::Rdx);
//! let relocated = relocate(&insns[0], &mut w, &Slot, free)?;
//! assert!(matches!(relocated, Relocated::Scratch { reg: Gpr::Rdx, saved: Saved::No, .. }));
//! // mov edx, 0x400016; add [rdx], eax
//! assert_eq!(w.finish()?.bytes(), [0xba, 0x16, 0x00, 0x40, 0x00, 0x01, 0x02]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Sources: Intel SDM (vol. 2, chapters 2 and 3 to 6), AMD APM (vol. 3), and the processor itself where they leave
//! things open.
#![no_std]
#![forbid(unsafe_code)]

mod effects;
mod flags;
mod flow;
mod gpr;
mod gs;
mod insn;
mod layout;
mod live;
mod patch;
mod relocate;
mod scratch;
mod sets;
mod special;
mod stack;
mod target;

pub use effects::{Effects, MemoryUse, Scanner, flag_effects};
pub use flow::{Counted, CounterWidth, Flow};
pub use gs::GsUse;
pub use insn::{DecodeError, Insn, InsnIter, MAX_INSN_BYTES, decode};
pub use live::{Live, live_in};
pub use relocate::{RelocateError, Relocated, Saved, Spill, relocate, relocate_copyable};
pub use sets::{FlagSet, GprSet};
pub use special::Special;
pub use stack::stack_effect;
pub use target::{OperandPlace, load_target, operand_place};
