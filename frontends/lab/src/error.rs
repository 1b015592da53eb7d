//! Why a command is not carried out.

use core::fmt;
use std::io;
use std::path::PathBuf;

use midstride_control::{Backend, ControlError, LoadError, NoSuchValue, ProgramError, StartError};

/// Why a command was not carried out; the session is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The text cannot be assembled.
    Syntax {
        /// What was assembled, to show the place in.
        source: String,
        /// What is wrong.
        error: midstride_syntax::Error,
    },
    /// The command is not used like this.
    Usage {
        /// How it is used.
        usage: &'static str,
    },
    /// There is no such command, register or type.
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A number or value that cannot be read.
    BadValue {
        /// The text.
        text: String,
    },
    /// There is nothing to run, step, undo or reload.
    Nothing {
        /// To do what.
        what: &'static str,
    },
    /// The program runs; it has to be stopped first.
    Running,
    /// Nothing of the program is at this place.
    NoPlace {
        /// The address or line.
        at: u64,
    },
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No controller could be started.
    Start(StartError),
    /// The session was started for programs that run in a process of their own.
    NotIsolated {
        /// The backend that does not give them one.
        backend: Backend,
    },
    /// The memory at fixed addresses could not be had.
    NoMemory {
        /// The first address.
        address: u64,
    },
    /// The program was not loaded.
    Load(LoadError),
    /// The program graph was not made.
    Program(ProgramError),
    /// The controller refused.
    Control(ControlError),
    /// A register does not take this value.
    Value(NoSuchValue),
    /// What was asserted is not so.
    Assertion {
        /// What was asserted.
        text: String,
        /// What the left side is.
        value: u64,
    },
}

impl Error {
    pub(crate) fn usage(usage: &'static str) -> Self {
        Self::Usage { usage }
    }

    pub(crate) fn unknown(what: &'static str, name: &str) -> Self {
        Self::Unknown { what, name: name.to_owned() }
    }

    pub(crate) fn syntax(source: &str, error: midstride_syntax::Error) -> Self {
        Self::Syntax { source: source.to_owned(), error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { source, error } => write!(f, "{}", error.report(source).to_string().trim_end()),
            Self::Usage { usage } => write!(f, "usage: {usage}"),
            Self::Unknown { what, name } => write!(f, "there is no {what} `{name}`"),
            Self::BadValue { text } => write!(f, "`{text}` is no value that fits here"),
            Self::Nothing { what } => write!(f, "there is nothing to {what}"),
            Self::Running => write!(f, "the program is running: `stop` stops it, `continue` waits for it"),
            Self::NoPlace { at } => write!(f, "no instruction is at {at:#x}"),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Start(error) => write!(f, "the backend cannot be started: {error}"),
            Self::NotIsolated { backend } => write!(f, "{} runs code in this process", backend.name()),
            Self::NoMemory { address } => write!(f, "the memory at {address:#x} is not to be had"),
            Self::Load(error) => write!(f, "the program cannot be loaded: {error}"),
            Self::Program(error) => write!(f, "{error}"),
            Self::Control(error) => write!(f, "{error}"),
            Self::Value(error) => write!(f, "{error}"),
            Self::Assertion { text, value } => write!(f, "assertion failed: {text}; it is {value:#x}"),
        }
    }
}

impl std::error::Error for Error {}

macro_rules! from {
    ($($variant:ident($error:ty);)*) => {
        $(
            impl From<$error> for Error {
                fn from(error: $error) -> Self {
                    Self::$variant(error)
                }
            }
        )*
    };
}

from! {
    Start(StartError);
    Load(LoadError);
    Program(ProgramError);
    Control(ControlError);
    Value(NoSuchValue);
}
