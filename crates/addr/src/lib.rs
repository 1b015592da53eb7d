//! Address kinds and displacement arithmetic for code that moves code.
//!
//! **You give** raw addresses once, at the edge where they enter the program. **You get** types that
//! cannot be mixed up: an [`AppPc`] is where the program believes its code is, a [`CachePc`] is where
//! a rewritten copy of it lies, a [`CodeOffset`] counts bytes inside code that has no address yet.
//! All displacement arithmetic is checked: [`rel32`] answers `None` instead of truncating.
//!
//! **It does not protect from** addresses that are wrong to begin with: nothing here reads memory.
//!
//! ```
//! use midstride_addr::{AppPc, Range, rel32};
//!
//! let block = Range::new(AppPc::new(0x1000), AppPc::new(0x1010));
//! assert!(block.contains(AppPc::new(0x100f)) && !block.contains(AppPc::new(0x1010)));
//! assert_eq!(rel32(0x1005, 0x1000), Some(-5));
//! assert_eq!(rel32(0, 0x8000_0000), None); // one byte too far
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod kinds;
mod range;
mod reach;

pub use kinds::{AppPc, CachePc, CodeOffset};
pub use range::{Address, Range};
pub use reach::{Reach, rel8, rel32};

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A range of program addresses.
pub type AppRange = Range<AppPc>;
/// A range of code-cache addresses.
pub type CacheRange = Range<CachePc>;
