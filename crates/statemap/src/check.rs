//! What holds for every state, whatever module it is of.

use core::fmt;

use crate::canonical::{Activation, Phase, State, Table};
use crate::limits;
use crate::memory::{IndexType, Memory};
use crate::value::ValType;

/// A state that no instance can be in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StateError {
    /// A frame under another, or under a host call, is not in a call.
    NotInCall {
        /// Index of the activation, oldest first.
        activation: u32,
        /// Index of the frame in it, oldest first.
        frame: u32,
        /// The phase it is in.
        phase: Phase,
    },
    /// An activation under another waits for no host function, so nobody can have made the other.
    NobodyCalled {
        /// Index of the older activation.
        activation: u32,
    },
    /// A table of something else than references.
    TableType {
        /// Index of the table.
        table: u32,
        /// Its type.
        ty: ValType,
    },
    /// An element that does not have its table's type.
    ElementType {
        /// Index of the table.
        table: u32,
        /// Index of the element.
        element: u32,
    },
    /// A table that is larger than its maximum.
    TableSize {
        /// Index of the table.
        table: u32,
        /// Elements.
        size: u64,
        /// The most it may have.
        maximum: u32,
    },
    /// A memory that is larger than its maximum, or than it can be addressed.
    MemorySize {
        /// Index of the memory.
        memory: u32,
        /// Pages of 64 KiB.
        size: u64,
        /// The most it may have.
        maximum: u64,
    },
    /// Dropped segments that are not increasing.
    SegmentOrder {
        /// The index that is too low.
        segment: u32,
    },
    /// Parts of the host that are not in the order of their names, or there twice.
    HostOrder {
        /// Index of the part that is too low.
        part: u32,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInCall { activation, frame, phase } => {
                let phase = phase.name();
                write!(
                    f,
                    "frame {frame} of activation {activation} is in phase {phase}, but waits for a call"
                )
            }
            Self::NobodyCalled { activation } => {
                write!(f, "activation {activation} waits for no host function, but is not the last")
            }
            Self::TableType { table, ty } => write!(f, "table {table} holds {ty}"),
            Self::ElementType { table, element } => {
                write!(f, "element {element} of table {table} does not have the table's type")
            }
            Self::TableSize { table, size, maximum } => {
                write!(f, "table {table} has {size:#x} elements, and may have {maximum:#x}")
            }
            Self::MemorySize { memory, size, maximum } => {
                write!(f, "memory {memory} has {size:#x} pages, and may have {maximum:#x}")
            }
            Self::SegmentOrder { segment } => write!(f, "dropped segment {segment} is out of order"),
            Self::HostOrder { part } => write!(f, "host state {part} is out of order or there twice"),
        }
    }
}

impl core::error::Error for StateError {}

impl State {
    /// Whether an instance of some module can be in this state. Images are checked when they are read and
    /// before they are written.
    ///
    /// # Errors
    /// The first [`StateError`].
    pub fn check(&self) -> Result<(), StateError> {
        let last = self.activations.len().saturating_sub(1) as u32;
        for (index, activation) in (0..).zip(&self.activations) {
            check_phases(index, activation)?;
            if index < last && activation.host_call.is_none() {
                return Err(StateError::NobodyCalled { activation: index });
            }
        }
        (0..).zip(&self.tables).try_for_each(|(index, table)| check_table(index, table))?;
        (0..).zip(&self.memories).try_for_each(|(index, memory)| check_memory(index, memory))?;
        check_segments(&self.dropped_data)?;
        check_segments(&self.dropped_elements)?;
        match self.host.windows(2).position(|pair| pair[0].name >= pair[1].name) {
            Some(before) => Err(StateError::HostOrder { part: before as u32 + 1 }),
            None => Ok(()),
        }
    }
}

fn check_phases(index: u32, activation: &Activation) -> Result<(), StateError> {
    let frames = activation.frames.len();
    let waiting = if activation.host_call.is_some() { frames } else { frames.saturating_sub(1) };
    match (0..).zip(&activation.frames[..waiting]).find(|(_, frame)| frame.phase != Phase::Call) {
        Some((number, frame)) => {
            Err(StateError::NotInCall { activation: index, frame: number, phase: frame.phase })
        }
        None => Ok(()),
    }
}

fn check_table(index: u32, table: &Table) -> Result<(), StateError> {
    let (size, maximum) = (table.elements.len() as u64, table.maximum.unwrap_or(u32::MAX));
    if !table.ty.is_reference() {
        return Err(StateError::TableType { table: index, ty: table.ty });
    }
    if size > u64::from(maximum) {
        return Err(StateError::TableSize { table: index, size, maximum });
    }
    match table.elements.iter().position(|element| element.ty() != table.ty) {
        Some(element) => Err(StateError::ElementType { table: index, element: element as u32 }),
        None => Ok(()),
    }
}

fn check_memory(index: u32, memory: &Memory) -> Result<(), StateError> {
    let limit = match memory.index_type {
        IndexType::I32 => limits::WASM_PAGES,
        IndexType::I64 => limits::WASM_PAGES_64,
    };
    let (size, maximum) = (memory.wasm_pages(), memory.maximum.unwrap_or(limit).min(limit));
    if size > maximum { Err(StateError::MemorySize { memory: index, size, maximum }) } else { Ok(()) }
}

fn check_segments(indices: &[u32]) -> Result<(), StateError> {
    match indices.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(StateError::SegmentOrder { segment: pair[1] }),
        None => Ok(()),
    }
}
