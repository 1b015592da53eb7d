//! The bytes of an [`InstanceImage`]: what bincode 1 makes of it with its default options.
//!
//! ```text
//! memory    0, or 1 · length u64 · bytes           options are a byte and what is in them
//! globals   count u64 · 16 bytes each
//! frames    count u64 · { function u64 · operator u64 · operands · locals }
//! values    count u64 · options of u64
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::limits;
use crate::machine::dump::{ExecutionStateImage, InstanceImage, WasmFunctionStateDump};
use crate::varint::{Broken, Cursor};

/// Bytes that are not an [`InstanceImage`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImageBytesError {
    /// They end inside of what starts at `offset`.
    Truncated {
        /// Where.
        offset: u64,
    },
    /// A byte that is neither 0 nor 1 where an option starts.
    Option {
        /// Where.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A count that is above [`limits`] or more than there are bytes for.
    TooMany {
        /// Where.
        offset: u64,
        /// The count.
        count: u64,
    },
    /// Bytes behind the end.
    TrailingBytes {
        /// Where they start.
        offset: u64,
    },
}

impl fmt::Display for ImageBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { offset } => write!(f, "the image ends inside the field at {offset:#x}"),
            Self::Option { offset, byte } => write!(f, "byte {byte:#04x} at {offset:#x} should be 0 or 1"),
            Self::TooMany { offset, count } => write!(f, "{count:#x} entries at {offset:#x} are too many"),
            Self::TrailingBytes { offset } => write!(f, "bytes behind the end of the image, at {offset:#x}"),
        }
    }
}

impl core::error::Error for ImageBytesError {}

impl InstanceImage {
    /// Reads an image, all of it.
    ///
    /// # Errors
    /// [`ImageBytesError`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageBytesError> {
        let mut input = Input { cursor: Cursor::new(bytes, 0), len: bytes.len() };
        let memory = if input.flag()? { Some(input.memory()?) } else { None };
        let globals = input.many(limits::ITEMS, 16, |input| input.array().map(u128::from_le_bytes))?;
        let frames = input.many(limits::FRAMES, 32, Input::frame)?;
        match input.cursor.position() {
            end if end == bytes.len() => {
                Ok(Self { memory, globals, execution_state: ExecutionStateImage { frames } })
            }
            end => Err(ImageBytesError::TrailingBytes { offset: end as u64 }),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(u8::from(self.memory.is_some()));
        if let Some(memory) = &self.memory {
            number(&mut out, memory.len() as u64);
            out.extend_from_slice(memory);
        }
        number(&mut out, self.globals.len() as u64);
        self.globals.iter().for_each(|global| out.extend_from_slice(&global.to_le_bytes()));
        number(&mut out, self.execution_state.frames.len() as u64);
        for frame in &self.execution_state.frames {
            number(&mut out, frame.local_function_id);
            number(&mut out, frame.wasm_inst_offset);
            values(&mut out, &frame.stack);
            values(&mut out, &frame.locals);
        }
        out
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn values(out: &mut Vec<u8>, values: &[Option<u64>]) {
    number(out, values.len() as u64);
    for value in values {
        out.push(u8::from(value.is_some()));
        if let Some(value) = value {
            number(out, *value);
        }
    }
}

type Read<T> = Result<T, ImageBytesError>;

struct Input<'a> {
    cursor: Cursor<'a>,
    len: usize,
}

impl<'a> Input<'a> {
    fn offset(&self) -> u64 {
        self.cursor.position() as u64
    }

    fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let offset = self.offset();
        self.cursor.take(len).map_err(|_: Broken| ImageBytesError::Truncated { offset })
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn flag(&mut self) -> Read<bool> {
        let offset = self.offset();
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(ImageBytesError::Option { offset, byte }),
        }
    }

    /// A count of things that have at least so many bytes.
    fn count(&mut self, limit: u64, bytes: usize) -> Read<usize> {
        let offset = self.offset();
        let count = self.u64()?;
        let room = (self.len - self.cursor.position()) / bytes;
        match usize::try_from(count) {
            Ok(fits) if count <= limit && fits <= room => Ok(fits),
            _ => Err(ImageBytesError::TooMany { offset, count }),
        }
    }

    fn many<T>(
        &mut self,
        limit: u32,
        bytes: usize,
        mut item: impl FnMut(&mut Self) -> Read<T>,
    ) -> Read<Vec<T>> {
        let count = self.count(limit.into(), bytes)?;
        (0..count).map(|_| item(self)).collect()
    }

    fn memory(&mut self) -> Read<Vec<u8>> {
        let count = self.count(u64::MAX, 1)?;
        self.take(count).map(<[u8]>::to_vec)
    }

    fn frame(&mut self) -> Read<WasmFunctionStateDump> {
        let (local_function_id, wasm_inst_offset) = (self.u64()?, self.u64()?);
        let stack = self.many(limits::OPERANDS, 1, Self::value)?;
        let locals = self.many(limits::LOCALS, 1, Self::value)?;
        Ok(WasmFunctionStateDump { local_function_id, wasm_inst_offset, stack, locals })
    }

    fn value(&mut self) -> Read<Option<u64>> {
        Ok(if self.flag()? { Some(self.u64()?) } else { None })
    }
}
