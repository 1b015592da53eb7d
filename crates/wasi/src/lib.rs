//! WASI preview 1 for any engine, with a host state that can be frozen and thawed.
//!
//! **You give** what a guest may have of its host ([`Builder`]: arguments, environment, directories,
//! streams), its memory as a [`GuestMemory`], and the arguments of its calls. **You get** the table of all
//! functions ([`FUNCTIONS`]: names, types, bodies), so that registering them with an engine is a loop;
//! calls that wait but can be interrupted from other threads ([`Interrupt`]); and the whole state as data
//! ([`Frozen`]), from which another process goes on with the same files at the same offsets.
//!
//! **It does not protect from** guests that write much or wait long, nor from what other processes do in
//! the directories a guest was given. Paths of the guest's cannot leave those directories (`cap-std` sees
//! to that), its pointers cannot leave its memory. There are no sockets.
//!
//! ```
//! use midstride_wasi::{Builder, Errno, MemoryPipe, Stream, function};
//!
//! let output = MemoryPipe::new();
//! let mut wasi = Builder::new().stdout(Stream::Memory(output.clone())).build()?;
//! let mut memory = vec![0; 64 << 10];
//! memory[..5].copy_from_slice(b"hello");
//! // One buffer, described at 8: its address and its length.
//! memory[8..16].copy_from_slice(&[0, 0, 0, 0, 5, 0, 0, 0]);
//!
//! let write = function("fd_write").unwrap();
//! assert_eq!(wasi.call(write, &mut memory, &[1, 8, 1, 16]), Ok(Errno::Success));
//! assert_eq!(output.contents(), b"hello");
//! assert_eq!(memory[16], 5);
//! # Ok::<(), midstride_wasi::BuildError>(())
//! ```
#![forbid(unsafe_code)]

mod abi;
mod builder;
mod call;
mod calls;
mod clocks;
mod errno;
mod freeze;
mod frozen;
mod functions;
mod interrupt;
mod memory;
mod object;
mod pipe;
mod random;
mod stop;
mod table;
mod text;
mod thaw;
mod thaw_error;
mod transfer;
mod version;
mod wasi;

pub use builder::{BuildError, Builder, DirAccess, Stream};
pub use errno::Errno;
pub use freeze::FreezeError;
pub use frozen::Frozen;
pub use functions::{FUNCTIONS, Function, MODULE, UNSTABLE_FUNCTIONS, ValType, function};
pub use interrupt::Interrupt;
pub use memory::{GuestMemory, OutOfBounds};
pub use pipe::MemoryPipe;
pub use stop::Exit;
pub use thaw::Streams;
pub use thaw_error::ThawError;
pub use wasi::Wasi;

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
