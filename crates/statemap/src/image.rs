//! The file a frozen instance is kept in.
//!
//! ```text
//! 0    magic         8 bytes
//! 8    version       u16      10  sections  u16      12  log2 of the page size  u32
//! 16   module        32 bytes: hash of the module, the engine's to choose
//! 48   file length   u64
//! 56   checksum      u64: of bytes 0 to 55 and of the section table
//! 64   sections      per section: kind u32, 0 u32, offset u64, length u64, checksum u64
//! …    frames, globals, tables, memories, segments, host: one behind the other
//! …    zeroes up to the next page
//! …    pages         those that are not zero, memory by memory, in order
//! ```
//! Little endian; checksums are XXH3-64. Numbers inside sections are LEB128, values are a type byte and
//! 4, 8 or 16 bytes. The head is written last, so a file whose writing was interrupted is no image. Page
//! data is page-aligned in the file: who thaws maps it and need not read it.

mod decode;
mod encode;
mod error;
mod head;
mod pages;
mod write;

use alloc::vec::Vec;

use crate::canonical::State;
use crate::check::StateError;

pub use error::{ImageError, Part, Problem, Section, WriteError};
pub use head::ImageHead;
pub use pages::{LinearMemory, MemoryPages, PageRange, PageRun};
pub use write::{Sink, write_image};

/// The version this crate writes. Older ones are read.
pub const VERSION: u16 = 1;

/// Hash of a module's bytes. Which hash is up to the engine; it compares.
pub type ModuleHash = [u8; 32];

/// A frozen instance, whole and in memory.
///
/// ```
/// use midstride_statemap::{Frame, Image, Memory, Phase, State, Value};
///
/// let mut state = State { memories: vec![Memory::new(1)], ..State::default() };
/// state.memories[0].write(0x100, b"frozen")?;
/// let bytes = Image { module: [7; 32], state }.to_bytes()?;
/// assert_eq!(bytes.len(), 2 * 4096); // the head, and one page
///
/// let mut image = Image::read(&bytes)?;
/// image.state.memories[0].write(0x100, b"edited")?;
/// assert_eq!(Image::read(&image.to_bytes()?)?, image);
///
/// let mut torn = bytes.clone();
/// torn[4096 + 0x101] ^= 1;
/// let error = Image::read(&torn).unwrap_err().to_string();
/// assert_eq!(error, "checksum of memory 0 from page 0x0 (at 0x1000) does not match");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Image {
    /// Which module it is a state of.
    pub module: ModuleHash,
    /// The state.
    pub state: State,
}

impl Image {
    /// Whether it is a state of this module.
    ///
    /// # Errors
    /// [`ImageError::OtherModule`]
    pub fn expect_module(&self, expected: &ModuleHash) -> Result<(), ImageError> {
        head::expect_module(expected, &self.module)
    }

    /// Reads a file: head, every checksum, every page.
    ///
    /// # Errors
    /// [`ImageError`]: what is wrong, and where.
    pub fn read(file: &[u8]) -> Result<Self, ImageError> {
        let ImageHead { module, mut state, runs, .. } = ImageHead::read(file)?;
        for (memory, runs) in state.memories.iter_mut().zip(&runs) {
            for run in runs {
                let bytes = run.verify(file)?;
                memory.insert_pages(run.range.first, bytes);
            }
        }
        Ok(Self { module, state })
    }

    /// The file.
    ///
    /// # Errors
    /// [`StateError`]: no instance can be in that state.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        let mut bytes = Vec::new();
        let memories: Vec<&dyn MemoryPages> =
            self.state.memories.iter().map(|memory| memory as &dyn MemoryPages).collect();
        match write_image(&self.module, &self.state, &memories, &mut bytes) {
            Ok(_) => Ok(bytes),
            Err(WriteError::State(error)) => Err(error),
            Err(WriteError::Sink(never)) => match never {},
        }
    }
}
