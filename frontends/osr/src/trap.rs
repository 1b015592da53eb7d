//! Why running code ended early.

use std::fmt;
use std::sync::Arc;

use midstride_statemap::Value;

/// What a trap is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TrapKind {
    /// The operator `unreachable`.
    Unreachable,
    /// A memory access out of bounds.
    MemoryOutOfBounds,
    /// A table access out of bounds.
    TableOutOfBounds,
    /// An indirect call of an index beyond the table.
    UndefinedElement,
    /// An indirect call of a null reference.
    UninitializedElement,
    /// An indirect call of a function of another type.
    IndirectCallTypeMismatch,
    /// An integer divided by 0.
    IntegerDivideByZero,
    /// A number that does not fit its integer type.
    IntegerOverflow,
    /// A NaN made an integer.
    InvalidConversionToInteger,
    /// Calls nested too deeply.
    StackOverflow,
    /// Somebody asked for it: see [`InterruptHandle`](crate::InterruptHandle).
    Interrupted,
    /// Somebody asked for it: see [`FreezeHandle`](crate::FreezeHandle). The instance can be saved and
    /// continued: see [`Instance::frozen`](crate::Instance::frozen).
    Frozen,
    /// A host function failed.
    Host,
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::MemoryOutOfBounds => "out of bounds memory access",
            Self::TableOutOfBounds => "out of bounds table access",
            Self::UndefinedElement => "undefined element",
            Self::UninitializedElement => "uninitialized element",
            Self::IndirectCallTypeMismatch => "indirect call type mismatch",
            Self::IntegerDivideByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::InvalidConversionToInteger => "invalid conversion to integer",
            Self::StackOverflow => "call stack exhausted",
            Self::Interrupted => "interrupted",
            Self::Frozen => "frozen",
            Self::Host => "host function failed",
        })
    }
}

/// What compiled code checks where it may trap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(crate) enum Check {
    // The first costs nothing in a map.
    MemoryAccess,
    Unreachable,
    TableAccess,
    NullFunction,
    WrongFunctionType,
    /// By zero or too large: the divisor tells.
    Division,
    IntegerOverflow,
    BadConversion,
    StackOverflow,
}

impl Check {
    /// All, in the order of their numbers.
    const ALL: [Self; 9] = [
        Self::MemoryAccess,
        Self::Unreachable,
        Self::TableAccess,
        Self::NullFunction,
        Self::WrongFunctionType,
        Self::Division,
        Self::IntegerOverflow,
        Self::BadConversion,
        Self::StackOverflow,
    ];

    /// The check with this number in a map.
    pub(crate) fn from_note(note: u8) -> Option<Self> {
        Self::ALL.get(usize::from(note)).copied()
    }

    /// The trap when it fails; of a division, when its divisor is not 0.
    pub(crate) fn failure(self) -> TrapKind {
        match self {
            Self::Unreachable => TrapKind::Unreachable,
            Self::MemoryAccess => TrapKind::MemoryOutOfBounds,
            Self::TableAccess => TrapKind::UndefinedElement,
            Self::NullFunction => TrapKind::UninitializedElement,
            Self::WrongFunctionType => TrapKind::IndirectCallTypeMismatch,
            Self::Division | Self::IntegerOverflow => TrapKind::IntegerOverflow,
            Self::BadConversion => TrapKind::InvalidConversionToInteger,
            Self::StackOverflow => TrapKind::StackOverflow,
        }
    }
}

/// A function that was running when the trap came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameInfo {
    /// Its index in its module.
    pub function: u32,
    /// What the name section calls it.
    pub name: Option<String>,
    /// The operator, by its offset in the module.
    pub offset: u32,
    /// Its locals, parameters first; none where they could not be read.
    pub locals: Vec<Value>,
    /// Its operands, from the bottom.
    pub operands: Vec<Value>,
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{:#8x} {name}", self.offset),
            None => write!(f, "{:#8x} function {}", self.offset, self.function),
        }?;
        let mut list = |what: &str, values: &[Value]| {
            if values.is_empty() {
                return Ok(());
            }
            write!(f, "\n             {what}")?;
            values.iter().try_for_each(|value| write!(f, " {value}"))
        };
        list("locals:", &self.locals)?;
        list("operands:", &self.operands)
    }
}

/// A failure that is no trap of WebAssembly's: what a host function answers.
pub type HostError = Box<dyn core::error::Error + Send + Sync>;

/// Why a call ended early, and where.
#[derive(Clone)]
pub struct Trap {
    kind: TrapKind,
    host: Option<Arc<HostError>>,
    frames: Vec<FrameInfo>,
}

impl Trap {
    /// A trap without a place; whoever runs the code adds it.
    #[must_use]
    pub fn new(kind: TrapKind) -> Self {
        Self { kind, host: None, frames: Vec::new() }
    }

    /// A host function's failure.
    pub fn host(error: impl Into<HostError>) -> Self {
        Self { kind: TrapKind::Host, host: Some(Arc::new(error.into())), frames: Vec::new() }
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> TrapKind {
        self.kind
    }

    /// What a host function failed with.
    #[must_use]
    pub fn host_error(&self) -> Option<&(dyn core::error::Error + Send + Sync + 'static)> {
        self.host.as_ref().map(|error| &***error)
    }

    /// The functions that were running, the innermost first; of a deep stack the 200 innermost.
    #[must_use]
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    /// With these functions behind those that are known.
    pub(crate) fn through(mut self, frames: Vec<FrameInfo>) -> Self {
        self.frames.extend(frames);
        self
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(error) => error.fmt(f),
            None => self.kind.fmt(f),
        }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.frames.iter().try_for_each(|frame| write!(f, "\n    {frame}"))
    }
}

impl core::error::Error for Trap {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.host.as_ref().and_then(|error| error.source())
    }
}

impl From<TrapKind> for Trap {
    fn from(kind: TrapKind) -> Self {
        Self::new(kind)
    }
}
