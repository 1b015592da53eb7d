//! Executable memory beside the code it serves: regions, units, patching, fork.
#![no_std]

#[cfg(feature = "fake")]
extern crate std;

mod error;
#[cfg(feature = "fake")]
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
