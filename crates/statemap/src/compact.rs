//! Compact maps for code of our own tiers: where each local and operand is at each site.
//!
//! A **site** is a code offset at which a frame can be described: a function's entry, a loop's header,
//! a return address, an instruction that may trap. Values live in their *home*, a memory slot that
//! follows from their index, unless the record says otherwise; so a record is the difference of the
//! register cache to the site before. Every sixteenth site starts from "all at home", and an index of
//! those makes every look-up a binary search and at most sixteen short steps.
//!
//! ```text
//! function   flags · frame bytes · parameters · locals (count, type)* · sites · cold · resumes
//!            · stream bytes                                                       LEB128 numbers
//! index      per 16 sites: code offset, wasm offset, position in the stream        2 or 4 bytes each
//! cold       code offset, site: other code of a site, by code offset                   "
//! resumes    site, code offset: where a frame enters the site, by site                 "
//! stream     records: [phase:2 ops:3 wasm delta:3] code delta, (ops), (wasm delta), ops
//! ```
//! Numbers are little endian. A field of all ones (7) in the first byte means that a LEB128 number with
//! the rest follows.

mod build;
mod cache;
mod diff;
mod error;
mod header;
mod module;
mod ops;
mod read;
mod resolve;
mod site;

pub use build::CompactMapBuilder;
pub use cache::{Located, SiteCache};
pub use diff::{LocalChanges, SiteView};
pub use error::{BuildError, MapError};
pub use module::{FunctionEntry, ModuleMap, ModuleMapBuilder};
pub use read::{CompactMap, Sites};
pub use resolve::{MachineValues, ResolveError};
pub use site::{Condition, Operand, Place, Site, SiteKind, SiteState, Slot};
