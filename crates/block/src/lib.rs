//! Exec blocks: a program's basic blocks rewritten into a code cache, linked and unlinked while threads run them.
//!
//! **You give** the program's code as bytes ([`AppCode`]), a source of executable pages, an allocator, addresses for
//! the words that emitted code uses ([`Env`]) and, if you like, a [`Transform`] that changes what is
//! emitted. **You get** a [`CodeCache`]: blocks built on demand, exits linked by one aligned store, returns and
//! indirect branches through two tables of landings, invalidation by program range, eviction by unit,
//! and for every cache pc what it means in the program's terms ([`CodeCache::find`]).
//!
//! **It does not protect from** a caller who runs the code without a gate behind the doors, frees units
//! before all threads have left them ([`CodeCache::reclaim`] takes the caller's word), or uses one cache
//! from two threads at once. It neither runs code nor makes system calls.
//!
//! ```
//! use midstride_block::{Draft, End};
//! use midstride_addr::AppPc;
//!
//! let code = [0x48, 0x89, 0xf8, 0xc3, 0x90]; // mov rax, rdi; ret; nop
//! let mut draft = Draft::empty();
//! draft.read(&code, AppPc::new(0x1000), 128);
//! assert_eq!((draft.len(), draft.end(), draft.range().len()), (2, End::Transfer, 4));
//! ```
//!
//! # Layout of a block
//! ```text
//! hot   | landing, if it was first reached by an indirect branch | instructions … | exit sequence |
//! cold  | exit stub | exit stub | …
//! data  | return addresses |
//! ```
#![no_std]
#![deny(unsafe_code)]

mod arena;
mod cache;
mod constants;
mod draft;
mod emit;
mod exec_block;
mod exit;
mod hash;
mod liveness;
mod pages;
mod patch;
mod record;
mod reset;
mod slots;
mod stats;
mod tables;

pub use cache::{
    AppCode, Broken, CodeCache, Config, Found, MAX_REGIONS, Observer, Parts, Phase, Retired, Transform,
    Unobserved, copy_code,
};
pub use draft::{Draft, End, MAX_APP_BYTES, MAX_INSNS, Probe, Step};
pub use emit::{BuildError, Care, Env, Landing, Order, Rotate, Transactions};
pub use exec_block::{BlockId, BlockState, ExecBlock, Exit, ExitId, UnitRef};
pub use exit::ExitKind;
pub use pages::page_of;
pub use record::{PcSource, Restore, Translation};
pub use slots::{Door, Doors, Slot, SlotBase, TABLE_ENTRIES};
pub use stats::Stats;
pub use tables::{TABLE_BYTES, Tables};

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
