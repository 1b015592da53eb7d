//! Executable memory beside the code it serves: regions, units, patching, fork.
//!
//! **You give** a [`PageSource`] (Linux's is `midstride_os::LINUX_PAGES`) and a [`Place`]: the program
//! code that has to be within reach. **You get** a [`Region`]: hot code, cold code and data in one
//! piece of address space, every byte of which reaches that code, and itself, by a signed 32-bit
//! displacement. It is divided into [`Unit`]s that are filled by bumping a cursor and reused as a
//! whole. Code is seen twice: executable at its final address ([`CachePc`](midstride_addr::CachePc)),
//! writable at an alias elsewhere that stays inside this crate; no mapping is both. Live code changes
//! by [`Region::patch_word`] only, one aligned 8-byte store. [`ForkCopy`] keeps the code of a forked
//! child apart from its parent's. A [`RegionSet`] finds a region by address.
//!
//! **It does not protect from** wrong code bytes, nor from code that is overwritten while a thread
//! runs it: [`Region::patch_word`], [`Unit::reset`] and [`ForkCopy::adopt_in_child`] are `unsafe` and
//! say what the caller has to know. It frees nothing but whole units and whole regions.
//!
//! ```
//! use midstride_addr::{AppPc, AppRange};
//! use midstride_os::LINUX_PAGES;
//! use midstride_slab::{Place, Region, Sizes};
//!
//! fn program() -> u32 { 1 }
//! let start = AppPc::new(program as fn() -> u32 as usize as u64);
//! let place = Place::near(AppRange::new(start, start.add(16)));
//! let sizes = Sizes { hot: 1 << 20, cold: 1 << 20, data: 1 << 18 };
//! let mut region = Region::reserve(&LINUX_PAGES, &place, sizes, 8)?;
//!
//! let mut span = region.unit(0).unwrap().alloc_hot(8, 8)?;
//! region.write(&mut span, &[0xb8, 41, 0, 0, 0, 0xc3])?; // mov eax, 41; ret
//! let at = span.publish().exec().start();
//! // SAFETY: the bytes at `at` are a function of this type.
//! let run: extern "C" fn() -> u32 = unsafe { std::mem::transmute(at.get() as usize) };
//! assert_eq!(run(), 41);
//!
//! let word = region.read_word(at)?;
//! // SAFETY: nobody runs it now, and `mov eax, 42; ret` is a function too.
//! unsafe { region.patch_word(at, word + (1 << 8))? };
//! assert_eq!(run(), 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! `fake`: `fake::FakePages`, a page source on the heap, for tests that run nothing (needs std).
//!
//! # Where unsafe code is
//! `memory` (copies through the alias), `patch` (live stores), `region` and `fork` (calls of the page
//! source), `fake`.
#![no_std]

#[cfg(any(test, feature = "fake"))]
extern crate std;

mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod fork;
mod layout;
mod memory;
mod patch;
mod place;
mod region;
mod set;
mod source;
mod span;
#[cfg(test)]
mod tests;
mod unit;

pub use error::{AccessError, AllocError};
pub use fork::ForkCopy;
pub use layout::{MAX_UNITS, Sizes, Slab, UnitId};
pub use place::{LOW_START, Place, Window};
pub use region::Region;
pub use set::{RegionId, RegionSet};
pub use source::{Mapping, PAGE_BYTES, PageError, PageSource};
pub use span::{DataSpan, Executable, Span, Writable};
pub use unit::Unit;

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
