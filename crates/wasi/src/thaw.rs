//! From data to a guest's host side.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cap_fs_ext::FollowSymlinks;
use rustix::fs::SeekFrom;

use crate::abi::{FdFlags, Filetype, OpenFlags, Rights};
use crate::builder::{BuildError, Stream, open_root};
use crate::call::Waiting;
use crate::calls::open::Opening;
use crate::clocks::Clocks;
use crate::errno::Errno;
use crate::frozen::{
    Access, Frozen, FrozenDescriptor, FrozenEntry, FrozenObject, FrozenRoot, FrozenStream, Place,
};
use crate::interrupt::Interrupt;
use crate::object::{Descriptor, Directory, Listed, Object};
use crate::pipe::MemoryPipe;
use crate::random::Random;
use crate::table::Table;
use crate::text::Text;
use crate::thaw_error::ThawError;
use crate::wasi::{Root, Wasi};

/// What the standard streams of a thawed guest are. Those that are not said are what they were.
///
/// Streams that shared one pipe in memory are two pipes with the same contents afterwards.
#[derive(Debug, Default)]
pub struct Streams {
    /// Descriptor 0 of the guest's start.
    pub stdin: Option<Stream>,
    /// Descriptor 1.
    pub stdout: Option<Stream>,
    /// Descriptor 2.
    pub stderr: Option<Stream>,
}

/// Most descriptors of a state.
const MOST_DESCRIPTORS: usize = 1 << 20;

impl Frozen {
    /// Opens everything again.
    ///
    /// # Errors
    /// [`ThawError`] names what cannot be opened, or is not what it was.
    pub fn thaw(&self, streams: Streams) -> Result<Wasi, ThawError> {
        let roots = self.roots.iter().map(root).collect::<Result<Vec<_>, _>>()?;
        let streams = [streams.stdin, streams.stdout, streams.stderr].map(Given::from);
        let mut thawer = Thawer { frozen: self, roots: &roots, streams };
        let slots = self.slots(&mut thawer)?;
        let texts = |texts: &[Text]| texts.iter().map(|text| text.bytes().to_owned()).collect();
        Ok(Wasi {
            args: texts(&self.args),
            env: texts(&self.env),
            table: Table::from_slots(slots),
            clocks: Clocks::showing(self.clocks),
            random: Random::from_state(self.random),
            exit: self.exit,
            waiting: self.waiting.as_ref().map(|it| Waiting::new(&it.function, &it.args, it.since, it.moved)),
            interrupt: Interrupt::new().map_err(|error| ThawError::Host { error })?,
            scratch: Vec::new(),
            roots,
        })
    }

    fn slots(&self, thawer: &mut Thawer<'_>) -> Result<Vec<Option<Descriptor>>, ThawError> {
        if self.descriptors.len() > MOST_DESCRIPTORS {
            return Err(ThawError::Descriptor { fd: MOST_DESCRIPTORS as u32 });
        }
        let slots = (0..).zip(&self.descriptors);
        slots.map(|(fd, slot)| slot.as_ref().map(|slot| thawer.descriptor(fd, slot)).transpose()).collect()
    }
}

fn root(frozen: &FrozenRoot) -> Result<Root, ThawError> {
    let (guest, path) = (frozen.guest.clone(), frozen.host.clone());
    match open_root(&path) {
        Ok(dir) => Ok(Root { guest, dir }),
        Err(BuildError::Directory { error, .. }) => Err(ThawError::Root { guest, path, errno: error.into() }),
        Err(_) => Err(ThawError::Root { guest, path, errno: Errno::Io }),
    }
}

/// A standard stream, until its descriptor is met.
enum Given {
    AsItWas,
    This(Stream),
    Taken,
}

impl From<Option<Stream>> for Given {
    fn from(stream: Option<Stream>) -> Self {
        stream.map_or(Self::AsItWas, Self::This)
    }
}

/// Thaws descriptors.
struct Thawer<'a> {
    frozen: &'a Frozen,
    roots: &'a [Root],
    streams: [Given; 3],
}

impl Thawer<'_> {
    fn descriptor(&mut self, fd: u32, frozen: &FrozenDescriptor) -> Result<Descriptor, ThawError> {
        let flags = FdFlags::from_bits(frozen.flags).ok_or(ThawError::Descriptor { fd })?;
        let mut standard = None;
        let object = match &frozen.object {
            FrozenObject::Standard { number, stream } => {
                standard = Some(*number);
                self.stream(fd, *number, stream)?
            }
            FrozenObject::Root { root, listing } => self.root(fd, *root, listing.as_deref())?,
            FrozenObject::Directory { at, listing } => self.directory(fd, at, listing.as_deref())?,
            FrozenObject::File { at, access, offset } => self.file(fd, at, *access, *offset, flags)?,
        };
        Ok(Descriptor {
            rights: Rights::from_bits_truncate(frozen.rights) & object.rights(),
            inheriting: Rights::from_bits_truncate(frozen.inheriting),
            object,
            flags,
            standard,
        })
    }

    fn stream(&mut self, fd: u32, number: u8, was: &FrozenStream) -> Result<Object, ThawError> {
        let given = self.streams.get_mut(usize::from(number)).ok_or(ThawError::Descriptor { fd })?;
        let stream = match (std::mem::replace(given, Given::Taken), was) {
            (Given::Taken, _) => return Err(ThawError::Descriptor { fd }),
            (Given::This(Stream::Memory(pipe)), FrozenStream::Memory(bytes)) => {
                pipe.write(bytes.bytes());
                Stream::Memory(pipe)
            }
            (Given::This(stream), _) => stream,
            (Given::AsItWas, FrozenStream::Inherit) => Stream::Inherit,
            (Given::AsItWas, FrozenStream::Null) => Stream::Null,
            (Given::AsItWas, FrozenStream::Memory(bytes)) => {
                Stream::Memory(MemoryPipe::with_bytes(bytes.bytes()))
            }
            (Given::AsItWas, FrozenStream::Handle) => return Err(ThawError::Stream { number }),
        };
        Ok(stream.object(number))
    }

    fn root(&self, fd: u32, root: usize, listing: Option<&[FrozenEntry]>) -> Result<Object, ThawError> {
        let found = self.roots.get(root).ok_or(ThawError::Descriptor { fd })?;
        let dir = found.dir.try_clone().map_err(|error| ThawError::Host { error })?;
        let listing = thawed_listing(fd, listing)?;
        Ok(Object::Directory(Directory { dir, root: Some(root), listing }))
    }

    fn directory(&self, fd: u32, at: &Place, listing: Option<&[FrozenEntry]>) -> Result<Object, ThawError> {
        let opening = opening(OpenFlags::DIRECTORY, Access::Read, FdFlags::empty());
        match self.open(fd, at, &opening)? {
            Object::Directory(Directory { dir, .. }) => {
                Ok(Object::Directory(Directory { dir, root: None, listing: thawed_listing(fd, listing)? }))
            }
            _ => Err(self.changed(fd, at)),
        }
    }

    fn file(
        &self,
        fd: u32,
        at: &Place,
        access: Access,
        offset: Option<u64>,
        flags: FdFlags,
    ) -> Result<Object, ThawError> {
        let object = self.open(fd, at, &opening(OpenFlags::empty(), access, flags))?;
        let device = [Filetype::CharacterDevice, Filetype::BlockDevice].contains(&object.filetype());
        match (object.regular(), offset) {
            (Ok(file), Some(offset)) => {
                rustix::fs::seek(file, SeekFrom::Start(offset)).map_err(|_| ThawError::Descriptor { fd })?;
                Ok(object)
            }
            (Err(_), None) if device => Ok(object),
            _ => Err(self.changed(fd, at)),
        }
    }

    fn open(&self, fd: u32, at: &Place, opening: &Opening) -> Result<Object, ThawError> {
        let root = self.roots.get(at.root).ok_or(ThawError::Descriptor { fd })?;
        let path = Path::new(OsStr::from_bytes(at.path.bytes()));
        opening.run(&root.dir, path).map_err(|errno| match errno {
            Errno::NotDir | Errno::Loop | Errno::Isdir => self.changed(fd, at),
            _ => ThawError::Gone { fd, path: self.host_path(at), errno },
        })
    }

    fn changed(&self, fd: u32, at: &Place) -> ThawError {
        ThawError::Changed { fd, path: self.host_path(at) }
    }

    fn host_path(&self, at: &Place) -> PathBuf {
        let root = self.frozen.roots.get(at.root).map(|root| root.host.clone()).unwrap_or_default();
        root.join(OsStr::from_bytes(at.path.bytes()))
    }
}

fn opening(open: OpenFlags, access: Access, flags: FdFlags) -> Opening {
    let rights = match access {
        Access::Read => Rights::FD_READ,
        Access::Write => Rights::FD_WRITE,
        Access::ReadWrite => Rights::FD_READ | Rights::FD_WRITE,
    };
    Opening { follow: FollowSymlinks::No, open, flags, rights }
}

fn thawed_listing(fd: u32, listing: Option<&[FrozenEntry]>) -> Result<Option<Vec<Listed>>, ThawError> {
    let entry = |entry: &FrozenEntry| {
        let filetype = Filetype::ALL.get(usize::from(entry.filetype));
        let filetype = *filetype.ok_or(ThawError::Descriptor { fd })?;
        Ok(Listed { name: entry.name.bytes().to_owned(), ino: entry.ino, filetype })
    };
    listing.map(|listing| listing.iter().map(entry).collect()).transpose()
}
