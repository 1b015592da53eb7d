//! A WebAssembly engine whose running instances can be read, frozen and continued.
//!
//! **You give** a module, in binary or text form, and what it imports. **You get** an [`Instance`]: its
//! functions compiled in one pass to machine code by this project's own writer, to be called from Rust;
//! traps that know where they happened; handles that interrupt it or [freeze](FreezeHandle) it from other
//! threads; [images](Image) of frozen ones, which other processes [continue](Linker::thaw).
//!
//! **It does not protect from** side channels, nor from modules that use up time (interrupt them) or
//! memory (their limits say how much), nor from images that somebody made up to change what a program does:
//! only from those that would break the engine. It runs on x86-64 Linux with AVX and BMI2, and installs signal
//! handlers.
//!
//! ```
//! use midstride_osr::{Engine, Linker, Module};
//!
//! let engine = Engine::new(Default::default())?;
//! let module = Module::new(&engine, r#"
//!     (module
//!       (import "host" "double" (func $double (param i32) (result i32)))
//!       (func (export "run") (param i32) (result i32)
//!         (i32.add (call $double (local.get 0)) (i32.const 1))))
//! "#)?;
//! let mut linker = Linker::new();
//! linker.func_wrap("host", "double", |n: i32| n * 2);
//! let instance = linker.instantiate(&module)?;
//! let run = instance.get_typed_func::<i32, i32>("run")?;
//! assert_eq!(run.call(20)?, 41);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where unsafe code is
//! `runtime` (memory that compiled code uses too, signal handlers, ways in and out), `instance` and
//! `func` (descriptors that compiled code points to), `module` (what may be sent to other threads),
//! `freeze` (frames and memories of instances that have stopped).

mod code;
mod compile;
mod engine;
mod error;
mod freeze;
mod func;
mod info;
mod instance;
mod linker;
mod module;
mod parse;
mod runtime;
mod trap;
mod types;
mod value;
mod wasi;

pub use engine::{Config, Engine, Polls};
pub use error::{LinkError, ModuleError, TypeError, Unsupported};
pub use freeze::{
    FreezeError, Frozen, Holder, ImageFile, ImageFileError, Outcome, PageCheck, Saving, ThawError,
};
pub use func::{Caller, Func, IntoFunc, TypedFunc, WasmResults, WasmTys, WithCaller};
pub use info::ImportName;
pub use instance::Instance;
pub use linker::{Extern, Linker};
pub use midstride_statemap::{self as statemap, Image, Value};
pub use module::Module;
pub use runtime::context::{FreezeHandle, InterruptHandle};
pub use runtime::global::Global;
pub use runtime::memory::Memory;
pub use runtime::table::Table;
pub use trap::{FrameInfo, HostError, Trap, TrapKind};
pub use types::{ExternType, FuncType, GlobalType, Limits, MemoryType, Mutability, TableType, ValType};
pub use value::{ExternRef, Val, WasmTy};
pub use wasi::WasiCtx;

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
