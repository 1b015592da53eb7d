//! Writes x86-64 machine code into a buffer.
//!
//! **You give** a byte buffer and the address its contents will run at, and call one method an
//! instruction. **You get** the bytes: displacements computed, labels resolved, and for branches that
//! will be redirected while threads run over them a [`PatchSite`] that tells which aligned word to
//! store. The first error is kept and answered once, by [`Writer::finish`].
//!
//! **It does not protect from** code that is wrong: it encodes what it is told, knows no pages, and
//! does not ask whether the processor has the instruction.
//!
//! ```
//! use midstride_addr::CachePc;
//! use midstride_asm::{Alu, Cond, Gpr, Mem, Width, Writer};
//!
//! let mut buffer = [0; 64];
//! let mut w = Writer::new(&mut buffer, CachePc::new(0x1000));
//! let again = w.new_label();
//! w.bind(again);
//! w.alu_rm(Width::W64, Alu::Add, Gpr::Rax, Mem::base(Gpr::Rsi, 8));
//! w.dec_r(Width::W32, Gpr::Rcx);
//! w.jcc_short(Cond::Ne, again);
//! w.ret();
//! let code = w.finish()?;
//! assert_eq!(code.bytes(), [0x48, 0x03, 0x46, 0x08, 0xff, 0xc9, 0x75, 0xf8, 0xc3]);
//! # Ok::<(), midstride_asm::EmitError>(())
//! ```
//!
//! The manual sections named in the documentation are those of the Intel 64 and IA-32 Architectures
//! Software Developer's Manual (SDM).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod encode;
mod error;
mod forms;
mod label;
mod loose;
mod mem;
mod op;
mod patch;
mod reg;
mod writer;

pub use error::EmitError;
pub use label::Label;
pub use loose::LooseLabel;
pub use mem::{Mem, Scale, Segment};
pub use op::{Alu, Cond, FloatCompare, Lock, Rounding, Shift};
pub use patch::{PatchKind, PatchSite};
pub use reg::{Gpr, Width, Xmm};
pub use writer::{Code, Writer};
