//! What is behind a descriptor.

use std::io::IsTerminal as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use cap_std::fs::Dir;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, fstat};

use crate::abi::{FdFlags, Filestat, Filetype, Rights, nanoseconds};
use crate::errno::Errno;
use crate::interrupt::Interrupt;
use crate::pipe::MemoryPipe;
use crate::stop::{Exit, Stop};

/// An open descriptor of the guest's.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    pub(crate) rights: Rights,
    /// Most that descriptors opened through this one can have.
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
    /// 0 to 2, when it is what the guest was given under that number.
    pub(crate) standard: Option<u8>,
}

/// What reads and writes go to.
#[derive(Debug)]
pub(crate) enum Object {
    /// Takes everything, gives nothing.
    Null,
    Memory(MemoryPipe),
    Handle(Handle),
    Directory(Directory),
}

/// A descriptor of the host's.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) source: Source,
    pub(crate) filetype: Filetype,
}

/// Whose it is.
#[derive(Debug)]
pub(crate) enum Source {
    /// The process's own 0, 1 or 2.
    Process(u8),
    /// Opened by the guest or given by the embedder: closed with it.
    Owned(OwnedFd),
}

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) dir: Dir,
    /// Which of the instance's roots it is, when the guest was given it as that.
    pub(crate) root: Option<usize>,
    /// What was found when it was last read from its start.
    pub(crate) listing: Option<Vec<Listed>>,
}

/// A name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    pub(crate) name: Vec<u8>,
    pub(crate) ino: u64,
    pub(crate) filetype: Filetype,
}

impl Object {
    pub(crate) fn filetype(&self) -> Filetype {
        match self {
            Self::Null => Filetype::CharacterDevice,
            Self::Memory(_) => Filetype::Unknown,
            Self::Handle(handle) => handle.filetype,
            Self::Directory(_) => Filetype::Directory,
        }
    }

    /// Most that a descriptor of it can be used for.
    pub(crate) fn rights(&self) -> Rights {
        match self.filetype() {
            Filetype::Directory => Rights::DIRECTORY,
            Filetype::RegularFile => Rights::FILE,
            // Guests take a device for a terminal when they may not seek in it, and write line by line then.
            Filetype::CharacterDevice if !self.is_terminal() => {
                Rights::STREAM | Rights::FD_SEEK | Rights::FD_TELL
            }
            _ => Rights::STREAM,
        }
    }

    fn is_terminal(&self) -> bool {
        self.host().is_some_and(|fd| fd.is_terminal())
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        match self {
            Self::Null | Self::Memory(_) => Ok(Filestat::nameless(self.filetype())),
            Self::Handle(handle) => stat(handle.as_fd()),
            Self::Directory(directory) => stat(directory.dir.as_fd()),
        }
    }

    /// The host's descriptor, for what needs a file.
    ///
    /// # Errors
    /// `Errno::Spipe` for streams, `Errno::Badf` for directories.
    pub(crate) fn regular(&self) -> Result<BorrowedFd<'_>, Errno> {
        match self {
            Self::Handle(handle) if handle.filetype == Filetype::RegularFile => Ok(handle.as_fd()),
            Self::Directory(_) => Err(Errno::Badf),
            _ => Err(Errno::Spipe),
        }
    }

    /// The host's descriptor, if there is one.
    pub(crate) fn host(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Null | Self::Memory(_) => None,
            Self::Handle(handle) => Some(handle.as_fd()),
            Self::Directory(directory) => Some(directory.dir.as_fd()),
        }
    }

    pub(crate) fn directory(&self) -> Result<&Directory, Errno> {
        if let Self::Directory(directory) = self { Ok(directory) } else { Err(Errno::NotDir) }
    }
}

/// What the host knows about a descriptor.
pub(crate) fn stat(fd: BorrowedFd<'_>) -> Result<Filestat, Errno> {
    let stat = fstat(fd)?;
    Ok(Filestat {
        dev: stat.st_dev,
        ino: stat.st_ino,
        filetype: Filetype::of(FileType::from_raw_mode(stat.st_mode)),
        nlink: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        times: [
            nanoseconds(stat.st_atime, stat.st_atime_nsec),
            nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        ],
    })
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Process(0) => rustix::stdio::stdin(),
            Source::Process(1) => rustix::stdio::stdout(),
            Source::Process(_) => rustix::stdio::stderr(),
            Source::Owned(fd) => fd.as_fd(),
        }
    }
}

/// Bytes of a write that a pipe takes without waiting, when it says that it takes any (POSIX's `PIPE_BUF`).
const PIPE_BYTES: usize = 4096;

impl Handle {
    pub(crate) fn new(source: Source) -> Self {
        let mut handle = Self { source, filetype: Filetype::Unknown };
        handle.filetype = stat(handle.as_fd()).map_or(Filetype::Unknown, |stat| stat.filetype);
        handle
    }

    /// Reads what is there, waiting for the first byte unless `flags` say otherwise.
    pub(crate) fn read(&self, into: &mut [u8], flags: FdFlags, interrupt: &Interrupt) -> Result<usize, Stop> {
        self.when_ready(PollFlags::IN, flags, interrupt, |fd| rustix::io::read(fd, &mut *into))
    }

    /// Writes some, waiting until at least a byte can be written unless `flags` say otherwise.
    pub(crate) fn write(&self, from: &[u8], flags: FdFlags, interrupt: &Interrupt) -> Result<usize, Stop> {
        let most = if self.filetype == Filetype::RegularFile { from.len() } else { PIPE_BYTES };
        let from = &from[..from.len().min(most)];
        self.when_ready(PollFlags::OUT, flags, interrupt, |fd| rustix::io::write(fd, from))
    }

    fn when_ready(
        &self,
        events: PollFlags,
        flags: FdFlags,
        interrupt: &Interrupt,
        mut transfer: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Result<usize, Stop> {
        loop {
            if self.filetype != Filetype::RegularFile {
                wait(self.as_fd(), events, flags, interrupt)?;
            }
            match transfer(self.as_fd()) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if !flags.contains(FdFlags::NONBLOCK) => {}
                result => return Ok(result?),
            }
        }
    }
}

/// Waits until a descriptor is ready; not at all with `NONBLOCK`.
fn wait(fd: BorrowedFd<'_>, events: PollFlags, flags: FdFlags, interrupt: &Interrupt) -> Result<(), Stop> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let timeout = flags.contains(FdFlags::NONBLOCK).then_some(&at_once);
    loop {
        let mut fds = [PollFd::new(&fd, events), PollFd::new(interrupt, PollFlags::IN)];
        match rustix::event::poll(&mut fds, timeout) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Errno::from(error).into()),
            // An error or a hang-up too: the transfer says which.
            Ok(_) if !fds[0].revents().is_empty() => return Ok(()),
            Ok(_) if timeout.is_some() => return Err(Errno::Again.into()),
            Ok(_) => return Err(Exit::Interrupted.into()),
        }
    }
}
