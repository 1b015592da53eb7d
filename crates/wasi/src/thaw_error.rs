//! What can be wrong with a frozen host side.

use std::fmt;
use std::path::PathBuf;

use crate::errno::Errno;

/// Why a guest's host side cannot be thawed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ThawError {
    /// The bytes are not a frozen state.
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// It was written by a later version.
    Version {
        /// The version it has.
        found: u32,
        /// The newest that can be read.
        newest: u32,
    },
    /// A descriptor that no guest can have.
    Descriptor {
        /// The guest's descriptor.
        fd: u32,
    },
    /// A directory the guest was given cannot be opened.
    Root {
        /// What the guest calls it.
        guest: String,
        /// Where it is on the host.
        path: PathBuf,
        /// What the host says.
        errno: Errno,
    },
    /// A file or directory cannot be opened again.
    Gone {
        /// The guest's descriptor.
        fd: u32,
        /// Where it was on the host.
        path: PathBuf,
        /// What the host says.
        errno: Errno,
    },
    /// Something of another kind is there now.
    Changed {
        /// The guest's descriptor.
        fd: u32,
        /// Where it is on the host.
        path: PathBuf,
    },
    /// A standard stream was a descriptor of the embedder's, who has to say what it is now.
    Stream {
        /// 0 to 2.
        number: u8,
    },
    /// The process has no descriptor left.
    Host {
        /// What the host said.
        error: std::io::Error,
    },
}

impl fmt::Display for ThawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { reason } => write!(f, "not a frozen WASI state: {reason}"),
            Self::Version { found, newest } => {
                write!(f, "version {found} of a frozen WASI state; this program knows up to {newest}")
            }
            Self::Descriptor { fd } => write!(f, "descriptor {fd} is of no kind that a guest can have"),
            Self::Root { guest, path, errno } => {
                write!(
                    f,
                    "cannot open directory {}, which the guest calls {guest:?}: {errno}",
                    path.display()
                )
            }
            Self::Gone { fd, path, errno } => {
                write!(f, "descriptor {fd}: cannot open {} again: {errno}", path.display())
            }
            Self::Changed { fd, path } => {
                write!(f, "descriptor {fd}: {} is of another kind now", path.display())
            }
            Self::Stream { number } => write!(f, "standard stream {number} has to be given again"),
            Self::Host { error } => write!(f, "cannot make an event descriptor: {error}"),
        }
    }
}

impl core::error::Error for ThawError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Root { errno, .. } | Self::Gone { errno, .. } => Some(errno),
            Self::Host { error } => Some(error),
            _ => None,
        }
    }
}
