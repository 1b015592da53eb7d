//! What can go wrong before code runs.

use std::fmt;

use midstride_asm::EmitError;
use midstride_os::Errno;
use midstride_slab::{AccessError, AllocError};
use midstride_statemap::BuildError;

use crate::types::ExternType;

/// A proposal or limit that is not supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unsupported {
    /// References with a type of their own, and garbage collection.
    TypedReferences,
    /// Several memories in a module.
    MultiMemory,
    /// Memories addressed by 64 bits.
    Memory64,
    /// Calls in the place of a return.
    TailCalls,
    /// Exceptions.
    Exceptions,
    /// Shared memories and atomic accesses.
    Threads,
    /// Garbage-collected objects.
    Gc,
    /// Relaxed vector operators.
    RelaxedSimd,
    /// Arithmetic in constant expressions.
    ExtendedConst,
    /// Pages of another size.
    CustomPageSizes,
    /// Arithmetic of 128 bits.
    WideArithmetic,
    /// Several stacks.
    StackSwitching,
    /// Components.
    Components,
    /// A table with an initial value of its own.
    TableInitializers,
    /// Something newer than all of these.
    Other,
}

impl Unsupported {
    /// What the proposal is called.
    #[must_use]
    pub const fn feature(self) -> &'static str {
        match self {
            Self::TypedReferences => "function-references",
            Self::MultiMemory => "multi-memory",
            Self::Memory64 => "memory64",
            Self::TailCalls => "tail-call",
            Self::Exceptions => "exception-handling",
            Self::Threads => "threads",
            Self::Gc => "gc",
            Self::RelaxedSimd => "relaxed-simd",
            Self::ExtendedConst => "extended-const",
            Self::CustomPageSizes => "custom-page-sizes",
            Self::WideArithmetic => "wide-arithmetic",
            Self::StackSwitching => "stack-switching",
            Self::Components => "component-model",
            Self::TableInitializers => "table initializers (function-references)",
            Self::Other => "a newer proposal",
        }
    }
}

/// Why a module was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModuleError {
    /// It is not valid.
    Invalid {
        /// Where, in bytes from its start.
        offset: u64,
        /// What is wrong, in the validator's words.
        reason: String,
    },
    /// It needs something that is not supported.
    Unsupported {
        /// Where, in bytes from its start.
        offset: u64,
        /// What it needs.
        what: Unsupported,
    },
    /// The text is not WebAssembly text.
    Text(wat::Error),
    /// Its code could not be written.
    Emit {
        /// The function, by its index.
        func: u32,
        /// What the writer says.
        source: EmitError,
    },
    /// The state of its code could not be recorded.
    Map {
        /// The function, by its index.
        func: u32,
        /// What the recorder says.
        source: BuildError,
    },
    /// No memory for its code.
    Memory(AllocError),
    /// Its code could not be copied to its place.
    Access(AccessError),
    /// This processor lacks instructions that the compiled code uses.
    Processor {
        /// The first one that is missing.
        missing: &'static str,
    },
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { offset, reason } => write!(f, "invalid module: {reason} (at offset {offset:#x})"),
            Self::Unsupported { offset, what } => {
                write!(f, "the {} proposal is not supported (at offset {offset:#x})", what.feature())
            }
            Self::Text(error) => error.fmt(f),
            Self::Emit { func, .. } => write!(f, "function {func} could not be compiled"),
            Self::Map { func, .. } => write!(f, "the state of function {func} could not be recorded"),
            Self::Memory(_) => f.write_str("no memory for compiled code"),
            Self::Access(_) => f.write_str("compiled code could not be placed"),
            Self::Processor { missing } => write!(f, "this processor has no {missing}"),
        }
    }
}

impl core::error::Error for ModuleError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Text(error) => Some(error),
            Self::Emit { source, .. } => Some(source),
            Self::Map { source, .. } => Some(source),
            Self::Memory(error) => Some(error),
            Self::Access(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AllocError> for ModuleError {
    fn from(error: AllocError) -> Self {
        Self::Memory(error)
    }
}

impl From<AccessError> for ModuleError {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

/// Why a module could not be instantiated.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// Nobody provides an import.
    Missing {
        /// The import's module.
        module: String,
        /// Its name.
        name: String,
    },
    /// What is provided is something else.
    Mismatch {
        /// The import's module.
        module: String,
        /// Its name.
        name: String,
        /// What the module asks for.
        wanted: Box<ExternType>,
        /// What there is.
        found: Box<ExternType>,
    },
    /// Address space or memory is short.
    Memory(Errno),
    /// A segment that does not fit, or the start function, trapped.
    Trap(crate::trap::Trap),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { module, name } => write!(f, "unknown import `{module}` `{name}`"),
            Self::Mismatch { module, name, wanted, found } => {
                write!(f, "incompatible import type for `{module}` `{name}`: {wanted} wanted, {found} given")
            }
            Self::Memory(errno) => write!(f, "no memory for the instance: {errno}"),
            Self::Trap(trap) => trap.fmt(f),
        }
    }
}

impl core::error::Error for LinkError {}

impl From<crate::trap::Trap> for LinkError {
    fn from(trap: crate::trap::Trap) -> Self {
        Self::Trap(trap)
    }
}

impl From<Errno> for LinkError {
    fn from(errno: Errno) -> Self {
        Self::Memory(errno)
    }
}

/// Why a call could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeError {
    /// There is no export of this name and kind.
    NoExport {
        /// The name asked for.
        name: String,
    },
    /// The function has another type.
    Function {
        /// What was asked for.
        wanted: crate::types::FuncType,
        /// What it is.
        found: crate::types::FuncType,
    },
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExport { name } => write!(f, "there is no export `{name}` of this kind"),
            Self::Function { wanted, found } => write!(f, "the function is {found}, not {wanted}"),
        }
    }
}

impl core::error::Error for TypeError {}
