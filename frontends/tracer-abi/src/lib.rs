//! The memory that the midtrace host and the runtime inside a traced program share.
//!
//! One sparse memfd, the *channel*, is mapped by the host and by every traced process. It starts
//! with a [`Control`] block (requests to the host) followed by equal *slots*, one for each thread of each
//! program image (the first thread's slot is the process's: blocks, modules, statistics; further
//! threads' slots hold only counters). A process that dies of anything, SIGKILL included, leaves what it
//! wrote. Nothing here is a pointer, so both sides may map it anywhere.
//!
//! **You get** layouts and constants, no code that maps memory. **It does not protect from** a traced
//! program that scribbles over the mapping: the host treats every number it reads as untrusted.
//!
//! ```
//! use midstride_tracer_abi as abi;
//! assert_eq!(abi::slot_offset(0), abi::CONTROL_BYTES);
//! assert_eq!(abi::slot_offset(1) - abi::slot_offset(0), abi::SLOT_BYTES);
//! ```
//!
//! ```text
//! channel   | Control 64 KiB | slot 0 | slot 1 | …
//! slot      | SlotHeader 64 KiB | Module × 15360 (to 1 MiB) | paths (to 2 MiB) | Block × 4 Mi (64 MiB) |
//!           | Partial × 1 Mi (to 128 MiB) | counters u64 × 4 Mi (to 160 MiB) | unused (to 256 MiB) |
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod boot;
mod control;
mod slot;

pub use boot::{Bootstrap, MAPS_AT, MODE_COUNT, MODE_COV, MODE_RUN};
pub use control::{Control, LIMITS, LimitRecord, REQUESTS, Request, kind, state};
pub use slot::{Block, Module, Partial, SlotHeader, life, stat};

/// First word of a [`Control`] block, `midstrid` in ASCII.
pub const MAGIC: u64 = u64::from_le_bytes(*b"midstrid");
/// Changes with every change of a layout in this crate.
pub const VERSION: u32 = 3;

/// Bytes of the control block; slot 0 starts here.
pub const CONTROL_BYTES: u64 = 64 << 10;
/// Bytes of address space (and file offset) each slot takes; only touched pages take memory.
pub const SLOT_BYTES: u64 = 256 << 20;
/// The smallest code cache that holds the largest block in each of its units.
pub const CACHE_BYTES_MIN: u64 = 224 << 10;
/// The largest code cache whose parts reach each other.
pub const CACHE_BYTES_MAX: u64 = 1 << 30;
/// How many slots the host makes room for.
pub const SLOTS: u32 = 1 << 17;

/// Where, from the slot's start, the module records lie.
pub const MODULES_AT: u64 = 64 << 10;
/// Where, from the slot's start, the bytes of module paths lie.
pub const PATHS_AT: u64 = 1 << 20;
/// Bytes of module paths.
pub const PATHS_BYTES: u64 = 1 << 20;
/// Where, from the slot's start, the block records lie.
pub const BLOCKS_AT: u64 = 2 << 20;
/// Where, from the slot's start, the records of blocks cut short lie.
pub const PARTIALS_AT: u64 = 66 << 20;
/// Where, from the slot's start, the counters lie; `counters[i]` belongs to `blocks[i]`.
pub const COUNTERS_AT: u64 = 128 << 20;
/// How many blocks, and counters, a slot holds.
pub const BLOCKS_MAX: u32 = 4 << 20;
/// How many module records a slot holds.
pub const MODULES_MAX: u32 = ((PATHS_AT - MODULES_AT) / 64) as u32;
/// How many records of blocks cut short a slot holds.
pub const PARTIALS_MAX: u32 = 1 << 20;

/// Where slot `index` starts in the channel, in bytes.
#[must_use]
pub const fn slot_offset(index: u32) -> u64 {
    CONTROL_BYTES + index as u64 * SLOT_BYTES
}

const _: () = {
    assert!(size_of::<Control>() as u64 <= CONTROL_BYTES);
    assert!(size_of::<SlotHeader>() as u64 <= MODULES_AT);
    assert!(size_of::<Module>() == 64 && size_of::<Block>() == 16 && size_of::<Partial>() == 24);
    assert!(BLOCKS_AT + BLOCKS_MAX as u64 * 16 <= PARTIALS_AT);
    assert!(PARTIALS_AT + PARTIALS_MAX as u64 * 24 <= COUNTERS_AT);
    assert!(COUNTERS_AT + BLOCKS_MAX as u64 * 8 <= SLOT_BYTES);
};
