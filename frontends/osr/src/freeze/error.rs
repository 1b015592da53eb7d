//! What can go wrong between a running instance and a file.

use std::fmt;
use std::io;

use midstride_statemap::{ImageError, Phase, ShapeError, StateError};

use crate::error::{LinkError, ModuleError};
use crate::info::ImportName;

/// Why an instance cannot be frozen as it stands.
#[derive(Debug)]
#[non_exhaustive]
pub enum FreezeError {
    /// Its code is running: a host function that it called asks.
    Running {
        /// The function, if the module imports it.
        import: Option<ImportName>,
    },
    /// A host call was left to freeze, but a host function that calls back, or code of another instance, is
    /// under it. The freeze is still wished for.
    Nested {
        /// The function, if its caller imports it.
        import: Option<ImportName>,
    },
    /// A reference to a function of another instance, or of the host, that the module does not import.
    ForeignFunction {
        /// Where it is.
        place: Holder,
    },
    /// The frame of a function was not complete when it stopped.
    NoFrame {
        /// The function.
        function: u32,
    },
    /// It has trapped: only its image can go on, in another instance.
    NotInPlace {
        /// The function.
        function: u32,
    },
    /// A function of the host or of another instance was left, and cannot be called again.
    HostCall {
        /// The function that called it.
        function: u32,
    },
    /// The module cannot be read again.
    Module(ModuleError),
    /// No instance can be in that state.
    State(StateError),
    /// The file could not be written.
    Io(io::Error),
    /// The image's name is that of a directory, a device or a pipe.
    NotAFile,
    /// The process that was to write the file failed.
    Child {
        /// How it ended, as wait(2) says.
        status: i32,
    },
}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running { import: None } => f.write_str("the instance is running"),
            Self::Running { import: Some(import) } => {
                write!(f, "the instance is running: it has called {import}")
            }
            Self::Nested { import: None } => {
                f.write_str("the code was called through a function whose own frames cannot be frozen")
            }
            Self::Nested { import: Some(import) } => {
                write!(f, "the code was called through {import}, whose own frames cannot be frozen")
            }
            Self::ForeignFunction { place } => {
                write!(f, "{place} has a function that the instance does not import")
            }
            Self::NoFrame { function } => write!(f, "function {function} has no complete frame"),
            Self::NotInPlace { function } => write!(f, "function {function} has trapped"),
            Self::HostCall { function } => {
                write!(f, "function {function} waits for a call that cannot be made again")
            }
            Self::Module(_) => f.write_str("the module cannot be read again"),
            Self::State(_) => f.write_str("no instance can be in this state"),
            Self::Io(_) => f.write_str("the image could not be written"),
            Self::NotAFile => {
                f.write_str("the image could not be written: there is something that is not a file")
            }
            Self::Child { status } => write!(f, "the process writing the image ended with {status:#x}"),
        }
    }
}

impl core::error::Error for FreezeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Module(error) => Some(error),
            Self::State(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// What can hold a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Holder {
    /// A global.
    Global {
        /// Its index.
        global: u32,
    },
    /// An element of a table.
    Table {
        /// The table's index.
        table: u32,
        /// The element's.
        element: u32,
    },
    /// A local or operand of a function that runs.
    Frame {
        /// The function.
        function: u32,
    },
    /// A call of the host's, or its argument.
    HostCall {
        /// The function that calls.
        function: u32,
    },
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global { global } => write!(f, "global {global}"),
            Self::Table { table, element } => write!(f, "element {element} of table {table}"),
            Self::Frame { function } => write!(f, "a frame of function {function}"),
            Self::HostCall { function } => write!(f, "a call in function {function}"),
        }
    }
}

/// Why an image cannot be continued.
#[derive(Debug)]
#[non_exhaustive]
pub enum ThawError {
    /// It is altered, or of another module.
    Image(ImageError),
    /// It is no state of the module.
    Shape(ShapeError),
    /// A frame stands where its function's code cannot be continued.
    NoSuchSite {
        /// The function.
        function: u32,
        /// Bytes from its body's start.
        wasm_offset: u32,
        /// Where in the operator.
        phase: Phase,
    },
    /// A frame lies above one that does not call its function.
    NotCalled {
        /// The function.
        function: u32,
    },
    /// A reference to a function that the module does not have.
    NoFunction {
        /// Its index.
        function: u32,
    },
    /// A reference to something of the host's that this process does not have.
    NoExtern {
        /// Its number.
        number: u32,
    },
    /// An imported constant has another value than it had.
    Constant {
        /// The global's index.
        global: u32,
    },
    /// The host had called back into the instance.
    Nested,
    /// The frames do not fit the stack.
    Stack,
    /// A memory or table cannot be as large as the image says.
    Size,
    /// The instance could not be made.
    Link(LinkError),
    /// The module could not be compiled for it.
    Module(ModuleError),
    /// The file could not be mapped.
    Map(midstride_os::Errno),
}

impl fmt::Display for ThawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Shape(error) => write!(f, "the image does not fit the module: {error}"),
            Self::NoSuchSite { function, wasm_offset, phase } => {
                write!(f, "function {function} has no {} site at {wasm_offset:#x}", phase.name())
            }
            Self::NotCalled { function } => {
                write!(f, "function {function} has a frame, but nobody calls it")
            }
            Self::NoFunction { function } => write!(f, "the module has no function {function}"),
            Self::NoExtern { number } => write!(f, "this process has no external reference {number}"),
            Self::Constant { global } => {
                write!(f, "global {global}, a constant that is imported, has another value")
            }
            Self::Nested => f.write_str("the host had called back into the instance"),
            Self::Stack => f.write_str("the frames do not fit the stack"),
            Self::Size => f.write_str("a memory or table is larger than it can be"),
            Self::Link(error) => error.fmt(f),
            Self::Module(_) => f.write_str("the module could not be compiled"),
            Self::Map(errno) => write!(f, "the image could not be mapped: {errno}"),
        }
    }
}

impl core::error::Error for ThawError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let Self::Module(error) = self { Some(error) } else { None }
    }
}

/// Why a file is no image.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImageFileError {
    /// It could not be read.
    Io(io::Error),
    /// It is not as it was written.
    Image(ImageError),
}

impl fmt::Display for ImageFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Image(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ImageFileError {}

macro_rules! from {
    ($($source:ty => $error:ident $variant:ident;)*) => { $(
        impl From<$source> for $error {
            fn from(source: $source) -> Self {
                Self::$variant(source)
            }
        }
    )* };
}

from! {
    ModuleError => FreezeError Module;
    StateError => FreezeError State;
    io::Error => FreezeError Io;
    ImageError => ThawError Image;
    ShapeError => ThawError Shape;
    LinkError => ThawError Link;
    ModuleError => ThawError Module;
    midstride_os::Errno => ThawError Map;
    io::Error => ImageFileError Io;
    ImageError => ImageFileError Image;
}
