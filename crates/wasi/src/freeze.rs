//! From a guest's host side to data.

use std::ffi::OsStr;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cap_std::fs::MetadataExt as _;
use rustix::fs::{OFlags, fcntl_getfl};

use crate::abi::Filetype;
use crate::errno::Errno;
use crate::frozen::{
    Access, Frozen, FrozenDescriptor, FrozenEntry, FrozenObject, FrozenRoot, FrozenStream, FrozenWaiting,
    Place, VERSION,
};
use crate::object::{Descriptor, Directory, Handle, Listed, Object, Source, stat};
use crate::text::Text;
use crate::wasi::{Root, Wasi};

/// Why a guest cannot be frozen now: what it holds that could not be opened again.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FreezeError {
    /// A file or directory that is open but has been deleted.
    Deleted {
        /// The guest's descriptor.
        fd: u32,
        /// Where it was on the host.
        path: PathBuf,
    },
    /// A file or directory that was moved out of every directory the guest was given.
    Outside {
        /// The guest's descriptor.
        fd: u32,
        /// Where it is on the host.
        path: PathBuf,
    },
    /// A pipe or socket that is not one of the standard streams: what is in it would be lost.
    Pipe {
        /// The guest's descriptor.
        fd: u32,
        /// What the host calls it.
        name: PathBuf,
    },
    /// A directory the guest was given has been deleted, or its path is not text.
    Root {
        /// What the guest calls it.
        guest: String,
        /// What the host says about it.
        path: PathBuf,
    },
    /// The host did not say what is behind a descriptor.
    Host {
        /// The guest's descriptor.
        fd: u32,
        /// What it said.
        errno: Errno,
    },
}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted { fd, path } => write!(f, "descriptor {fd}: {} was deleted", path.display()),
            Self::Outside { fd, path } => {
                write!(f, "descriptor {fd}: {} is in none of the given directories", path.display())
            }
            Self::Pipe { fd, name } => {
                write!(f, "descriptor {fd}: what is in {} cannot be saved", name.display())
            }
            Self::Root { guest, path } => {
                write!(f, "directory {guest:?}: {} cannot be found again", path.display())
            }
            Self::Host { fd, errno } => {
                write!(f, "descriptor {fd}: the host does not tell what it is: {errno}")
            }
        }
    }
}

impl core::error::Error for FreezeError {}

impl Wasi {
    /// All of it, as data. It can be used further.
    ///
    /// Between calls, or after one that was interrupted: that one has to be made again after the thaw.
    ///
    /// # Errors
    /// [`FreezeError`] names what could not be opened again.
    pub fn freeze(&self) -> Result<Frozen, FreezeError> {
        let roots = self.roots.iter().map(frozen_root).collect::<Result<Vec<_>, _>>()?;
        let freezer = Freezer { wasi: self, roots: &roots };
        let slots = (0..).zip(self.table.slots());
        let descriptors = slots
            .map(|(fd, slot)| slot.as_ref().map(|slot| freezer.descriptor(fd, slot)).transpose())
            .collect::<Result<_, _>>()?;
        let texts = |texts: &[Vec<u8>]| texts.iter().map(|text| Text::from(&**text)).collect();
        let waiting = self.waiting.clone().map(|waiting| FrozenWaiting {
            function: waiting.function,
            args: waiting.args,
            since: waiting.since,
            moved: waiting.moved,
        });
        Ok(Frozen {
            version: VERSION,
            args: texts(&self.args),
            env: texts(&self.env),
            descriptors,
            clocks: self.clocks.times(),
            random: self.random.state(),
            exit: self.exit,
            waiting,
            roots,
        })
    }
}

/// Where a descriptor of the host's leads now: the kernel follows renames.
fn host_path(fd: BorrowedFd<'_>) -> Result<PathBuf, Errno> {
    Ok(std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?)
}

fn frozen_root(root: &Root) -> Result<FrozenRoot, FreezeError> {
    let guest = root.guest.clone();
    let path = host_path(root.dir.as_fd()).unwrap_or_default();
    let there = std::fs::metadata(&path).map(|found| (found.dev(), found.ino()));
    let open = stat(root.dir.as_fd()).map(|stat| (stat.dev, stat.ino));
    let found = matches!((there, open), (Ok(there), Ok(open)) if there == open);
    if found && path.to_str().is_some() {
        Ok(FrozenRoot { guest, host: path })
    } else {
        Err(FreezeError::Root { guest, path })
    }
}

/// Freezes descriptors.
struct Freezer<'a> {
    wasi: &'a Wasi,
    roots: &'a [FrozenRoot],
}

impl Freezer<'_> {
    fn descriptor(&self, fd: u32, descriptor: &Descriptor) -> Result<FrozenDescriptor, FreezeError> {
        let object = match (descriptor.standard, &descriptor.object) {
            (Some(number), object) => FrozenObject::Standard { number, stream: stream(object) },
            (None, Object::Directory(directory)) => self.directory(fd, directory)?,
            (None, Object::Handle(handle)) => self.file(fd, handle)?,
            (None, Object::Null | Object::Memory(_)) => {
                return Err(FreezeError::Pipe { fd, name: PathBuf::from("memory") });
            }
        };
        let (rights, inheriting) = (descriptor.rights.bits(), descriptor.inheriting.bits());
        Ok(FrozenDescriptor { rights, inheriting, flags: descriptor.flags.bits(), object })
    }

    fn directory(&self, fd: u32, directory: &Directory) -> Result<FrozenObject, FreezeError> {
        let entry = |listed: &Listed| FrozenEntry {
            name: Text::from(&*listed.name),
            ino: listed.ino,
            filetype: listed.filetype as u8,
        };
        let listing = directory.listing.as_ref().map(|listing| listing.iter().map(entry).collect());
        Ok(match directory.root {
            Some(root) => FrozenObject::Root { root, listing },
            None => FrozenObject::Directory { at: self.place(fd, directory.dir.as_fd())?, listing },
        })
    }

    fn file(&self, fd: u32, handle: &Handle) -> Result<FrozenObject, FreezeError> {
        let host = |errno: rustix::io::Errno| FreezeError::Host { fd, errno: errno.into() };
        let offset = match handle.filetype {
            Filetype::RegularFile => Some(rustix::fs::tell(handle).map_err(host)?),
            Filetype::CharacterDevice | Filetype::BlockDevice => None,
            _ => {
                let name = host_path(handle.as_fd()).unwrap_or_default();
                return Err(FreezeError::Pipe { fd, name });
            }
        };
        let mode = fcntl_getfl(handle).map_err(host)? & OFlags::RWMODE;
        let access = match mode {
            OFlags::RDWR => Access::ReadWrite,
            OFlags::WRONLY => Access::Write,
            _ => Access::Read,
        };
        Ok(FrozenObject::File { at: self.place(fd, handle.as_fd())?, access, offset })
    }

    /// Where something is, below the first root that has it.
    fn place(&self, fd: u32, open: BorrowedFd<'_>) -> Result<Place, FreezeError> {
        let host = |errno| FreezeError::Host { fd, errno };
        let path = host_path(open).map_err(host)?;
        let wanted = stat(open).map_err(host)?;
        for (root, frozen) in self.roots.iter().enumerate() {
            let Ok(below) = path.strip_prefix(&frozen.host) else { continue };
            let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
            let found = self.wasi.roots[root].dir.symlink_metadata(below);
            if found.is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev, wanted.ino)) {
                return Ok(Place { root, path: Text::from(below.as_os_str().as_bytes()) });
            }
        }
        Err(lost(fd, path, wanted.nlink))
    }
}

/// Why something is at no place.
fn lost(fd: u32, path: PathBuf, links: u64) -> FreezeError {
    // The kernel's mark.
    let name = path.as_os_str().as_bytes();
    match name.strip_suffix(b" (deleted)") {
        Some(name) => FreezeError::Deleted { fd, path: PathBuf::from(OsStr::from_bytes(name)) },
        None if links == 0 => FreezeError::Deleted { fd, path },
        None => FreezeError::Outside { fd, path },
    }
}

fn stream(object: &Object) -> FrozenStream {
    match object {
        Object::Memory(pipe) => FrozenStream::Memory(Text::from(&*pipe.contents())),
        Object::Handle(Handle { source: Source::Process(_), .. }) => FrozenStream::Inherit,
        Object::Handle(_) => FrozenStream::Handle,
        Object::Null | Object::Directory(_) => FrozenStream::Null,
    }
}
