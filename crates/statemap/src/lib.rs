//! State maps of compiled WebAssembly: where each local and operand is, and what a frozen instance is.
//!
//! ```
//! use midstride_statemap::{Phase, ValType, Value};
//!
//! assert_eq!(Value::from(1.5_f32).ty(), ValType::F32);
//! assert_eq!(Phase::Trap.name(), "trap");
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod backtrace;
mod canonical;
mod check;
mod compact;
mod edit;
mod image;
pub mod limits;
pub mod machine;
mod memory;
mod shape;
mod value;
mod varint;

pub use backtrace::{Backtrace, FunctionNames};
pub use canonical::{Activation, Frame, Global, HostCall, HostState, Mutability, Phase, State, Table};
pub use check::StateError;
pub use compact::{
    BuildError, CompactMap, CompactMapBuilder, Condition, FunctionEntry, MachineValues, MapError, ModuleMap,
    ModuleMapBuilder, Operand, Place, ResolveError, Site, SiteKind, SiteState, SiteView, Sites, Slot,
};
pub use edit::EditError;
pub use image::{
    Image, ImageError, ImageHead, LinearMemory, MemoryPages, ModuleHash, PageRange, PageRun, Part, Problem,
    Section, Sink, VERSION, WriteError, write_image,
};
pub use memory::{IndexType, Memory, OutOfBounds, PAGE_BYTES, WASM_PAGE_BYTES};
pub use shape::{Shape, ShapeError};
pub use value::{ValType, Value};

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
