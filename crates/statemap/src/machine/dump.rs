//! Untyped images: frames, and an instance with one memory.

use alloc::vec::Vec;
use core::fmt;

use crate::compact::Slot;
use crate::machine::value::FUNCTION_HEADER;
use crate::value::{ValType, Value};

/// One frame. Values are 64 bits; `None` is a value that could not be found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WasmFunctionStateDump {
    /// Number of the function, imports not counted.
    pub local_function_id: u64,
    /// Number of the operator, or [`FUNCTION_HEADER`].
    pub wasm_inst_offset: u64,
    /// Operands, bottom first.
    pub stack: Vec<Option<u64>>,
    /// Locals, parameters first.
    pub locals: Vec<Option<u64>>,
}

/// The frames of a stack, youngest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExecutionStateImage {
    /// Youngest first.
    pub frames: Vec<WasmFunctionStateDump>,
}

/// An instance with its frames: the state of the old system, kept to read what it wrote. [`Image`](crate::Image)
/// has types, a version, and everything that is missing here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstanceImage {
    /// All bytes of memory 0, if there is one.
    pub memory: Option<Vec<u8>>,
    /// Globals that are not imported.
    pub globals: Vec<u128>,
    /// The frames.
    pub execution_state: ExecutionStateImage,
}

/// An untyped frame that does not have these types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UntypedError {
    /// A local or operand is missing or too much.
    Size {
        /// The first.
        slot: Slot,
    },
    /// A value is not known.
    Unknown {
        /// Which.
        slot: Slot,
    },
    /// Bits that a value of the type does not have. 128-bit values never fit.
    Bits {
        /// Whose.
        slot: Slot,
        /// Its type.
        ty: ValType,
        /// What it is said to be.
        bits: u64,
    },
}

impl fmt::Display for UntypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { slot } => write!(f, "{slot} is missing or too much"),
            Self::Unknown { slot } => write!(f, "{slot} has no known value"),
            Self::Bits { slot, ty, bits } => write!(f, "{slot} cannot be {bits:#x}: it is {ty}"),
        }
    }
}

impl core::error::Error for UntypedError {}

impl WasmFunctionStateDump {
    /// Locals and operands with the types a validator found.
    ///
    /// # Errors
    /// [`UntypedError`]
    pub fn typed(
        &self,
        locals: &[ValType],
        operands: &[ValType],
    ) -> Result<(Vec<Value>, Vec<Value>), UntypedError> {
        Ok((typed(Slot::Local, locals, &self.locals)?, typed(Slot::Operand, operands, &self.stack)?))
    }
}

fn typed(
    slot: fn(u32) -> Slot,
    types: &[ValType],
    values: &[Option<u64>],
) -> Result<Vec<Value>, UntypedError> {
    if types.len() != values.len() {
        return Err(UntypedError::Size { slot: slot(types.len().min(values.len()) as u32) });
    }
    let pairs = (0..).zip(types.iter().zip(values));
    pairs.map(|(index, (ty, value))| one(slot(index), *ty, *value)).collect()
}

fn one(slot: Slot, ty: ValType, value: Option<u64>) -> Result<Value, UntypedError> {
    let bits = value.ok_or(UntypedError::Unknown { slot })?;
    let fits = ty != ValType::V128 && (ty.bytes() > 4 || bits <= u64::from(u32::MAX));
    let value = Value::from_bits(ty, bits.into()).filter(|_| fits);
    value.ok_or(UntypedError::Bits { slot, ty, bits })
}

/// The frames for people, youngest first.
impl fmt::Display for ExecutionStateImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.is_empty() {
            return writeln!(f, "No frames: the address is not in code with a state map.");
        }
        writeln!(f, "Backtrace:")?;
        for (number, frame) in self.frames.iter().enumerate() {
            writeln!(f, "* Frame {number} @ Local function {}", frame.local_function_id)?;
            match frame.wasm_inst_offset {
                FUNCTION_HEADER => writeln!(f, "  Offset: header")?,
                operator => writeln!(f, "  Offset: {operator}")?,
            }
            list(f, "Locals", &frame.locals)?;
            list(f, "Stack", &frame.stack)?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, values: &[Option<u64>]) -> fmt::Result {
    write!(f, "  {title}:")?;
    for (index, value) in values.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        match value {
            Some(value) => write!(f, "{separator} [{index}] = {value}")?,
            None => write!(f, "{separator} [{index}] = ?")?,
        }
    }
    writeln!(f, "{}", if values.is_empty() { " (empty)" } else { "" })
}
