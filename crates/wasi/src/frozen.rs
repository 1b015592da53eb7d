//! A guest's host side as data.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::thaw_error::ThawError;

/// The version of the format that is written. Versions up to it can be read.
pub(crate) const VERSION: u32 = 2;

/// What a guest had of its host when it was frozen: JSON, to be kept in an image.
///
/// It names directories of the host, which are opened again when it is thawed. Whoever thaws one that is
/// not their own looks at [`host_dirs`](Self::host_dirs) first, or says where they are
/// ([`set_host_dir`](Self::set_host_dir)).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    pub(crate) version: u32,
    pub(crate) args: Vec<Text>,
    pub(crate) env: Vec<Text>,
    pub(crate) roots: Vec<FrozenRoot>,
    pub(crate) descriptors: Vec<Option<FrozenDescriptor>>,
    /// What clocks showed, in nanoseconds: monotonic, process, thread.
    pub(crate) clocks: [u64; 3],
    /// Of the generator; none when random numbers are the host's.
    pub(crate) random: Option<u64>,
    pub(crate) exit: Option<u32>,
    pub(crate) waiting: Option<FrozenWaiting>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrozenRoot {
    pub(crate) guest: String,
    pub(crate) host: PathBuf,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrozenDescriptor {
    pub(crate) rights: u64,
    pub(crate) inheriting: u64,
    pub(crate) flags: u16,
    pub(crate) object: FrozenObject,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum FrozenObject {
    /// A stream the guest was started with.
    Standard {
        number: u8,
        stream: FrozenStream,
    },
    /// A directory it was started with.
    Root {
        root: usize,
        listing: Option<Vec<FrozenEntry>>,
    },
    Directory {
        at: Place,
        listing: Option<Vec<FrozenEntry>>,
    },
    /// `offset`: none for devices.
    File {
        at: Place,
        access: Access,
        offset: Option<u64>,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum FrozenStream {
    Inherit,
    Null,
    /// What was written and not read.
    Memory(Text),
    /// A descriptor the embedder gave, and has to give again.
    Handle,
}

/// A path below a root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) root: usize,
    pub(crate) path: Text,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    Read,
    Write,
    ReadWrite,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrozenEntry {
    pub(crate) name: Text,
    pub(crate) ino: u64,
    pub(crate) filetype: u8,
}

/// A call that was interrupted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrozenWaiting {
    pub(crate) function: String,
    pub(crate) args: Vec<u64>,
    pub(crate) since: u64,
    /// Bytes it has moved; not there in the first version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) moved: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Frozen {
    /// As bytes, the same for the same state.
    ///
    /// # Panics
    /// Never: there is nothing in it that JSON does not have, unless a directory's path on the host is not
    /// text, and those are refused when it is frozen.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From bytes that [`to_bytes`](Self::to_bytes) gave. Any others are an error or a state, too.
    ///
    /// # Errors
    /// [`ThawError::Malformed`], [`ThawError::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ThawError> {
        let malformed = |error: serde_json::Error| ThawError::Malformed { reason: error.to_string() };
        // The version first: in later ones there may be fields that are unknown here.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(bytes).map_err(malformed)?;
        if version == 0 || version > VERSION {
            return Err(ThawError::Version { found: version, newest: VERSION });
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// Directories it was given: the guest's name of each, and where it is on the host.
    pub fn host_dirs(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.roots.iter().map(|root| (&*root.guest, &*root.host))
    }

    /// Says where the directory that the guest calls `guest` is on this host. Whether there is one.
    pub fn set_host_dir(&mut self, guest: &str, host: impl Into<PathBuf>) -> bool {
        let root = self.roots.iter_mut().find(|root| root.guest == guest);
        root.is_some_and(|root| {
            root.host = host.into();
            true
        })
    }

    /// The status the guest had ended with, if it had.
    #[must_use]
    pub fn exit_code(&self) -> Option<u32> {
        self.exit
    }
}
