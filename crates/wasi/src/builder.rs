//! Making the host side of a guest.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::abi::{FdFlags, Rights};
use crate::clocks::Clocks;
use crate::interrupt::Interrupt;
use crate::object::{Descriptor, Directory, Handle, Object, Source};
use crate::pipe::MemoryPipe;
use crate::random::Random;
use crate::table::Table;
use crate::wasi::{Root, Wasi};

/// What one of the guest's standard streams is.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stream {
    /// The process's own of the same number.
    Inherit,
    /// Takes everything, gives nothing.
    #[default]
    Null,
    /// Bytes in memory.
    Memory(MemoryPipe),
    /// A descriptor of the host's: a file, a pipe, a terminal.
    Handle(OwnedFd),
}

impl Stream {
    pub(crate) fn object(self, number: u8) -> Object {
        match self {
            Self::Inherit => Object::Handle(Handle::new(Source::Process(number))),
            Self::Null => Object::Null,
            Self::Memory(pipe) => Object::Memory(pipe),
            Self::Handle(fd) => Object::Handle(Handle::new(Source::Owned(fd))),
        }
    }
}

/// What a guest may do below a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DirAccess {
    /// Look and read.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

impl DirAccess {
    /// Rights of the directory, and of what is opened below it.
    pub(crate) fn rights(self) -> (Rights, Rights) {
        match self {
            Self::ReadOnly => (Rights::DIRECTORY_READ, Rights::READ_ONLY),
            Self::ReadWrite => (Rights::DIRECTORY, Rights::DIRECTORY | Rights::FILE),
        }
    }
}

/// Why a guest's host side cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A directory cannot be opened.
    Directory {
        /// Which, in the host's words.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// An argument or a part of the environment with a zero byte, where the guest would see its end; or a
    /// variable without a name, or with a `=` in it.
    Text {
        /// The one.
        text: String,
    },
    /// The process has no descriptor left.
    Host {
        /// What the host said.
        error: io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, error } => write!(f, "cannot open directory {}: {error}", path.display()),
            Self::Text { text } => write!(f, "{text:?} cannot be an argument or a variable"),
            Self::Host { error } => write!(f, "cannot make an event descriptor: {error}"),
        }
    }
}

impl core::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Directory { error, .. } | Self::Host { error } => Some(error),
            Self::Text { .. } => None,
        }
    }
}

/// Says what a guest gets of its host. By default it gets nothing: no arguments, no environment, no
/// files, streams that lead nowhere.
///
/// ```
/// use midstride_wasi::{Builder, DirAccess, Stream};
///
/// let wasi = Builder::new()
///     .args(["sort", "-r"])
///     .env("LANG", "C")
///     .stdout(Stream::Inherit)
///     .preopened_dir(std::env::temp_dir(), "/tmp", DirAccess::ReadOnly)?
///     .build()?;
/// assert_eq!(wasi.exit_code(), None);
/// # Ok::<(), midstride_wasi::BuildError>(())
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    streams: [Stream; 3],
    dirs: Vec<(Root, DirAccess)>,
    seed: Option<u64>,
}

impl Builder {
    /// One that gives nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds arguments. The first one of all is the program's name.
    #[must_use]
    pub fn args<T: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment, in the place of one with the same name.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let start = [name.as_ref(), b"="].concat();
        self.env.retain(|variable| !variable.starts_with(&start));
        self.env.push([&start, value.as_ref()].concat());
        self
    }

    /// What the guest reads as descriptor 0.
    #[must_use]
    pub fn stdin(mut self, stream: Stream) -> Self {
        self.streams[0] = stream;
        self
    }

    /// What the guest writes as descriptor 1.
    #[must_use]
    pub fn stdout(mut self, stream: Stream) -> Self {
        self.streams[1] = stream;
        self
    }

    /// What the guest writes as descriptor 2.
    #[must_use]
    pub fn stderr(mut self, stream: Stream) -> Self {
        self.streams[2] = stream;
        self
    }

    /// Gives the process's own three streams.
    #[must_use]
    pub fn inherit_stdio(mut self) -> Self {
        self.streams = [Stream::Inherit, Stream::Inherit, Stream::Inherit];
        self
    }

    /// Opens `host`, a directory, for the guest, which calls it `guest`: `.` is its working directory.
    ///
    /// # Errors
    /// [`BuildError::Directory`] when it cannot be opened.
    pub fn preopened_dir(
        mut self,
        host: impl AsRef<Path>,
        guest: impl Into<String>,
        access: DirAccess,
    ) -> Result<Self, BuildError> {
        let guest = guest.into();
        if guest.contains('\0') {
            return Err(BuildError::Text { text: guest });
        }
        let root = Root { guest, dir: open_root(host.as_ref())? };
        self.dirs.push((root, access));
        Ok(self)
    }

    /// Random numbers that are the same for the same seed, for tests; otherwise they are the host's.
    #[must_use]
    pub fn random_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`BuildError::Text`], [`BuildError::Host`].
    pub fn build(self) -> Result<Wasi, BuildError> {
        self.check_texts()?;
        let streams =
            (0..).zip(self.streams).map(|(number, stream)| Some(standard(stream.object(number), number)));
        let mut slots: Vec<_> = streams.collect();
        let mut roots = Vec::new();
        for (root, access) in self.dirs {
            slots.push(Some(preopened(&root, roots.len(), access)?));
            roots.push(root);
        }
        Ok(Wasi {
            args: self.args,
            env: self.env,
            roots,
            table: Table::from_slots(slots),
            clocks: Clocks::showing([0; 3]),
            random: Random::from_state(self.seed),
            exit: None,
            waiting: None,
            interrupt: Interrupt::new().map_err(|error| BuildError::Host { error })?,
            scratch: Vec::new(),
        })
    }
}

impl Builder {
    fn check_texts(&self) -> Result<(), BuildError> {
        let unusable = |text: &&Vec<u8>| text.contains(&0) || text.starts_with(b"=");
        let zeros = self.args.iter().filter(|text| text.contains(&0));
        match zeros.chain(self.env.iter().filter(unusable)).next() {
            Some(text) => Err(BuildError::Text { text: String::from_utf8_lossy(text).into_owned() }),
            None => Ok(()),
        }
    }
}

/// Opens a directory by the process's own authority.
pub(crate) fn open_root(path: &Path) -> Result<Dir, BuildError> {
    Dir::open_ambient_dir(path, ambient_authority())
        .map_err(|error| BuildError::Directory { path: path.to_owned(), error })
}

/// The descriptor of a standard stream.
pub(crate) fn standard(object: Object, number: u8) -> Descriptor {
    let other_way = if number == 0 { Rights::FD_WRITE } else { Rights::FD_READ };
    Descriptor {
        rights: object.rights() - other_way,
        inheriting: Rights::empty(),
        object,
        flags: FdFlags::empty(),
        standard: Some(number),
    }
}

fn preopened(root: &Root, index: usize, access: DirAccess) -> Result<Descriptor, BuildError> {
    let dir = root.dir.try_clone().map_err(|error| BuildError::Host { error })?;
    let (rights, inheriting) = access.rights();
    let object = Object::Directory(Directory { dir, root: Some(index), listing: None });
    Ok(Descriptor { object, rights, inheriting, flags: FdFlags::empty(), standard: None })
}
