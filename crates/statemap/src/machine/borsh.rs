//! Borsh (version 1 of its specification), as the fork of the old system writes it.
//!
//! Structures are their fields in order, `usize` is `u64`; only machine values are written by hand, since
//! halves are no machine values here: a value inside of a value inside of a value cannot be read.

use alloc::vec::Vec;
use core::fmt;

use ::borsh::io::{Error, ErrorKind, Read, Result, Write};
use ::borsh::{BorshDeserialize, BorshSerialize};

use crate::machine::map::ModuleStateMap;
use crate::machine::map_error::StateMapError;
use crate::machine::value::{Half, MachineValue};

/// Bytes that are not a [`ModuleStateMap`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BorshError {
    /// What is at `offset`, or starts before it and ends there, is not what it should be.
    Malformed {
        /// How many bytes were read.
        offset: u64,
        /// What borsh says.
        kind: ErrorKind,
    },
    /// Bytes behind the end.
    TrailingBytes {
        /// Where they start.
        offset: u64,
    },
    /// It contradicts itself.
    Map(StateMapError),
}

impl fmt::Display for BorshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { offset, kind } => write!(f, "the map is malformed at {offset:#x} ({kind:?})"),
            Self::TrailingBytes { offset } => write!(f, "bytes behind the end of the map, at {offset:#x}"),
            Self::Map(_) => f.write_str("the map contradicts itself"),
        }
    }
}

impl core::error::Error for BorshError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Map(error) => Some(error),
            _ => None,
        }
    }
}

impl ModuleStateMap {
    /// Reads a map, all of it, and [validates](Self::validate) it.
    ///
    /// # Errors
    /// [`BorshError`]
    pub fn from_borsh(bytes: &[u8]) -> core::result::Result<Self, BorshError> {
        let mut rest = bytes;
        let read = Self::deserialize(&mut rest);
        let offset = (bytes.len() - rest.len()) as u64;
        let map = read.map_err(|error| BorshError::Malformed { offset, kind: error.kind() })?;
        if !rest.is_empty() {
            return Err(BorshError::TrailingBytes { offset });
        }
        map.validate().map_err(BorshError::Map)?;
        Ok(map)
    }

    /// The bytes.
    #[must_use]
    pub fn to_borsh(&self) -> Vec<u8> {
        ::borsh::to_vec(self).expect("a vector takes everything, and counts are below 2^32")
    }
}

/// Bytes that stand for kinds of values.
mod tag {
    pub(super) const UNDEFINED: u8 = 0;
    pub(super) const VMCTX: u8 = 1;
    pub(super) const VMCTX_DEREF: u8 = 2;
    pub(super) const PRESERVE_REGISTER: u8 = 3;
    pub(super) const COPY_STACK_BP_RELATIVE: u8 = 4;
    pub(super) const EXPLICIT_SHADOW: u8 = 5;
    pub(super) const WASM_STACK: u8 = 6;
    pub(super) const WASM_LOCAL: u8 = 7;
    pub(super) const TWO_HALVES: u8 = 8;
}

impl BorshSerialize for MachineValue {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        match self {
            Self::Undefined => tag::UNDEFINED.serialize(writer),
            Self::Vmctx => tag::VMCTX.serialize(writer),
            Self::VmctxDeref(path) => (tag::VMCTX_DEREF, path).serialize(writer),
            Self::PreserveRegister(register) => (tag::PRESERVE_REGISTER, register).serialize(writer),
            Self::CopyStackBPRelative(offset) => (tag::COPY_STACK_BP_RELATIVE, offset).serialize(writer),
            Self::ExplicitShadow => tag::EXPLICIT_SHADOW.serialize(writer),
            Self::WasmStack(operand) => (tag::WASM_STACK, operand).serialize(writer),
            Self::WasmLocal(local) => (tag::WASM_LOCAL, local).serialize(writer),
            Self::TwoHalves(low, high) => (tag::TWO_HALVES, low, high).serialize(writer),
        }
    }
}

impl BorshDeserialize for MachineValue {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        Ok(match u8::deserialize_reader(reader)? {
            tag::UNDEFINED => Self::Undefined,
            tag::VMCTX => Self::Vmctx,
            tag::VMCTX_DEREF => Self::VmctxDeref(BorshDeserialize::deserialize_reader(reader)?),
            tag::PRESERVE_REGISTER => Self::PreserveRegister(BorshDeserialize::deserialize_reader(reader)?),
            tag::COPY_STACK_BP_RELATIVE => {
                Self::CopyStackBPRelative(BorshDeserialize::deserialize_reader(reader)?)
            }
            tag::EXPLICIT_SHADOW => Self::ExplicitShadow,
            tag::WASM_STACK => Self::WasmStack(BorshDeserialize::deserialize_reader(reader)?),
            tag::WASM_LOCAL => Self::WasmLocal(BorshDeserialize::deserialize_reader(reader)?),
            tag::TWO_HALVES => {
                let low = Half::deserialize_reader(reader)?;
                Self::TwoHalves(low, Half::deserialize_reader(reader)?)
            }
            _ => return Err(unknown()),
        })
    }
}

impl BorshSerialize for Half {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        match self {
            Self::Undefined => tag::UNDEFINED.serialize(writer),
            Self::VmctxDeref(path) => (tag::VMCTX_DEREF, path).serialize(writer),
            Self::WasmStack(operand) => (tag::WASM_STACK, operand).serialize(writer),
            Self::WasmLocal(local) => (tag::WASM_LOCAL, local).serialize(writer),
        }
    }
}

impl BorshDeserialize for Half {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        Ok(match u8::deserialize_reader(reader)? {
            tag::UNDEFINED => Self::Undefined,
            tag::VMCTX_DEREF => Self::VmctxDeref(BorshDeserialize::deserialize_reader(reader)?),
            tag::WASM_STACK => Self::WasmStack(BorshDeserialize::deserialize_reader(reader)?),
            tag::WASM_LOCAL => Self::WasmLocal(BorshDeserialize::deserialize_reader(reader)?),
            _ => return Err(unknown()),
        })
    }
}

fn unknown() -> Error {
    Error::new(ErrorKind::InvalidData, "a byte that stands for no kind of value")
}
