//! Changing a state: values keep their types.

use core::fmt;

use crate::canonical::{Frame, Mutability, State};
use crate::compact::Slot;
use crate::value::{ValType, Value};

/// A change that was refused; nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EditError {
    /// The frame has no such local or operand.
    NoSuchSlot {
        /// Which.
        slot: Slot,
    },
    /// There is no such global.
    NoSuchGlobal {
        /// Which.
        global: u32,
    },
    /// The global is constant: code may have been compiled with its value.
    Constant {
        /// Which.
        global: u32,
    },
    /// The new value has another type than the old one.
    Type {
        /// The old one's.
        expected: ValType,
        /// The new one's.
        found: ValType,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSlot { slot } => write!(f, "the frame has no {slot}"),
            Self::NoSuchGlobal { global } => write!(f, "there is no global {global}"),
            Self::Constant { global } => write!(f, "global {global} is constant"),
            Self::Type { expected, found } => {
                write!(f, "a value of type {found} cannot replace one of type {expected}")
            }
        }
    }
}

impl core::error::Error for EditError {}

impl Frame {
    /// A local's or operand's value.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<Value> {
        let values = match slot {
            Slot::Local(_) => &self.locals,
            Slot::Operand(_) => &self.operands,
        };
        values.get(slot.index() as usize).copied()
    }

    /// Gives a local or operand another value of its type.
    ///
    /// # Errors
    /// [`EditError`]
    pub fn set(&mut self, slot: Slot, value: Value) -> Result<(), EditError> {
        let values = match slot {
            Slot::Local(_) => &mut self.locals,
            Slot::Operand(_) => &mut self.operands,
        };
        let old = values.get_mut(slot.index() as usize).ok_or(EditError::NoSuchSlot { slot })?;
        replace(old, value)
    }
}

impl State {
    /// All frames, oldest first.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = &Frame> {
        self.activations.iter().flat_map(|activation| &activation.frames)
    }

    /// A frame by its number in a backtrace: 0 is the youngest.
    pub fn frame_mut(&mut self, number: usize) -> Option<&mut Frame> {
        self.activations.iter_mut().flat_map(|activation| &mut activation.frames).nth_back(number)
    }

    /// Gives a global another value of its type.
    ///
    /// # Errors
    /// [`EditError`]
    pub fn set_global(&mut self, global: u32, value: Value) -> Result<(), EditError> {
        let found = self.globals.get_mut(global as usize).ok_or(EditError::NoSuchGlobal { global })?;
        match found.mutability {
            Mutability::Var => replace(&mut found.value, value),
            Mutability::Const => Err(EditError::Constant { global }),
        }
    }
}

fn replace(old: &mut Value, new: Value) -> Result<(), EditError> {
    if old.ty() != new.ty() {
        return Err(EditError::Type { expected: old.ty(), found: new.ty() });
    }
    *old = new;
    Ok(())
}
