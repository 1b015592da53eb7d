//! Where the locals and operands of compiled WebAssembly are, and what a stopped instance is.
//!
//! **You give** the sites of a function while you compile it: code offset, wasm offset, phase, and where
//! values are that are not in their memory homes ([`CompactMapBuilder`]); a stopped machine
//! ([`MachineValues`]); the contents of memories ([`MemoryPages`]). **You get** a map of a few bytes for each
//! site, read in place ([`CompactMap`], [`ModuleMap`]); frames with typed values ([`Frame`], [`State`]); an
//! image file that is checked byte by byte when it is read ([`Image`], [`ImageHead`]), can be edited, and
//! can be compared with a module before it runs ([`State::check_against`]); backtraces. [`machine`] has the
//! state maps of wasmer's singlepass tier, with stacks that are read and built.
//!
//! **It does not protect from** a map that belongs to other code: no reader can know. Nothing here
//! compiles, executes or reads memory; what is read from a stack or written to it goes through the caller.
//! An image's checksums notice accidents, not intent: who can write the file can make them match, and then
//! [`State::check_against`] bounds what the program may find.
//!
//! ```
//! use midstride_statemap::*;
//!
//! // A compiler records that it polls at a loop, eight bytes into the code, three into the body.
//! let mut function = CompactMapBuilder::new();
//! function.start(1, &[(1, ValType::I32)]);
//! function.site(8, 3, Phase::Loop, &SiteState::default())?;
//! let mut module = ModuleMapBuilder::new();
//! let entry = FunctionEntry { function: 0, code_start: 0, code_end: 0x40, body_offset: 0x51 };
//! module.push(entry, &mut function, 0x20)?;
//! let maps = module.finish();
//!
//! // A program stopped there; its only local is at home.
//! struct Stopped;
//! impl MachineValues for Stopped {
//!     fn home(&self, slot: Slot, _: ValType) -> Option<u128> { (slot == Slot::Local(0)).then_some(41) }
//!     fn register(&self, _: midstride_frame::Register) -> Option<u128> { None }
//!     fn flags(&self) -> Option<u64> { None }
//! }
//! let maps = ModuleMap::parse(&maps)?;
//! let (entry, map) = maps.at_code(8)?.expect("there is a function");
//! let mut places = SiteState::default();
//! let site = map.find_code(8, &mut places)?.expect("there is a site");
//! let frame = map.read_frame(entry.function, &site, &places, &Stopped)?;
//!
//! // Frozen, edited, and thawed for a module that has this function.
//! let activations = vec![Activation { frames: vec![frame], host_call: None }];
//! let file = Image { module: [0; 32], state: State { activations, ..State::default() } }.to_bytes()?;
//! let mut image = Image::read(&file)?;
//! image.state.frame_mut(0).expect("it has one").set(Slot::Local(0), Value::I32(42))?;
//! image.state.check_against(&Shape { functions: 1, ..Shape::default() }, &maps)?;
//! assert_eq!(image.state.backtrace(()).to_string(), "#0 function 0 + 0x3, loop\n    locals: i32:42\n");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Features: `borsh` reads and writes [`machine`] maps byte for byte as the old system's fork does; `serde`
//! is for states and machine states in any format.
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
    BuildError, CompactMap, CompactMapBuilder, Condition, FunctionEntry, LocalChanges, Located,
    MachineValues, MapError, ModuleMap, ModuleMapBuilder, Operand, Place, ResolveError, Site, SiteCache,
    SiteKind, SiteState, SiteView, Sites, Slot,
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
