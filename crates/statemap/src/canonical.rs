//! The canonical state: what every tier and every image can say about a running instance.
//!
//! Nothing here knows where a compiler keeps a value. Typed values, so that a wrong image is an error
//! when it is loaded and not a crash when it runs.

use alloc::string::String;
use alloc::vec::Vec;

use crate::memory::Memory;
use crate::value::{ValType, Value};

/// Where in an operator a frame stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Phase {
    /// At the function's start: parameters and zeroed locals, no operands.
    Entry = 0,
    /// At the header of the `loop` whose operator starts at the offset: its parameters are operands.
    Loop = 1,
    /// In the call whose operator starts at the offset: arguments popped, results not yet pushed.
    Call = 2,
    /// Before the operator at the offset, its operands intact: it trapped, and can be tried again.
    Trap = 3,
}

impl Phase {
    /// All phases, in the order of their bytes.
    pub const ALL: [Self; 4] = [Self::Entry, Self::Loop, Self::Call, Self::Trap];

    /// The byte that stands for it: its position in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// The phase a byte from [`to_byte`](Self::to_byte) stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// What it is called in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Loop => "loop",
            Self::Call => "call",
            Self::Trap => "trap",
        }
    }
}

/// One activation of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Frame {
    /// Index in the module's function index space (imports come first).
    pub function: u32,
    /// Bytes from the start of the function's body (its entry in the code section, behind the size) to
    /// the operator. [`Phase::Entry`] has the offset of the first operator.
    pub wasm_offset: u32,
    /// Where in that operator.
    pub phase: Phase,
    /// Parameters first.
    pub locals: Vec<Value>,
    /// Bottom first.
    pub operands: Vec<Value>,
}

/// A host function that was entered and has not returned.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostCall {
    /// Index in the module's function index space.
    pub function: u32,
    /// What it was called with.
    pub arguments: Vec<Value>,
    /// What it said when it was interrupted: how much time is left, what was already written. It gets
    /// it back when it is called again.
    pub progress: Vec<u8>,
}

/// One entry of the host into wasm code, with the frames above it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Activation {
    /// Oldest first. All but the youngest are in [`Phase::Call`].
    pub frames: Vec<Frame>,
    /// The host function the youngest frame waits for, if it does. Under an activation that is not the
    /// last there is always one.
    pub host_call: Option<HostCall>,
}

/// A global's type and value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Global {
    /// Its value; it has its type.
    pub value: Value,
    /// Whether it can be set.
    pub mutability: Mutability,
}

/// Whether a global can be set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Mutability {
    /// `const`
    Const = 0,
    /// `var`
    Var = 1,
}

/// A table and what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Table {
    /// `funcref` or `externref`.
    pub ty: ValType,
    /// The limit on its size, if it has one.
    pub maximum: Option<u32>,
    /// Each of type `ty`.
    pub elements: Vec<Value>,
}

/// What a part of the host keeps for the instance: its name says who can read the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostState {
    /// Who wrote it, like `wasi_snapshot_preview1`.
    pub name: String,
    /// Up to its writer.
    pub bytes: Vec<u8>,
}

/// Everything of a stopped instance.
///
/// Index spaces are whole: imported globals, tables and memories are among the others, at their index.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct State {
    /// Oldest first. Empty for an instance that is not running.
    pub activations: Vec<Activation>,
    /// By global index.
    pub globals: Vec<Global>,
    /// By table index.
    pub tables: Vec<Table>,
    /// By memory index.
    pub memories: Vec<Memory>,
    /// Indices of data segments that were dropped, increasing.
    pub dropped_data: Vec<u32>,
    /// Indices of element segments that were dropped, increasing.
    pub dropped_elements: Vec<u32>,
    /// By name, each name once.
    pub host: Vec<HostState>,
}
