//! Flags and records as the guest sees them.
//!
//! Source: the types of the preview 1 interface; records are little endian.

use crate::version::FilestatLayout;
use bitflags::bitflags;
use rustix::fs::FileType;

bitflags! {
    /// What a descriptor may be used for.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct Rights: u64 {
        const FD_DATASYNC = 1;
        const FD_READ = 1 << 1;
        const FD_SEEK = 1 << 2;
        const FD_FDSTAT_SET_FLAGS = 1 << 3;
        const FD_SYNC = 1 << 4;
        const FD_TELL = 1 << 5;
        const FD_WRITE = 1 << 6;
        const FD_ADVISE = 1 << 7;
        const FD_ALLOCATE = 1 << 8;
        const PATH_CREATE_DIRECTORY = 1 << 9;
        const PATH_CREATE_FILE = 1 << 10;
        const PATH_LINK_SOURCE = 1 << 11;
        const PATH_LINK_TARGET = 1 << 12;
        const PATH_OPEN = 1 << 13;
        const FD_READDIR = 1 << 14;
        const PATH_READLINK = 1 << 15;
        const PATH_RENAME_SOURCE = 1 << 16;
        const PATH_RENAME_TARGET = 1 << 17;
        const PATH_FILESTAT_GET = 1 << 18;
        const PATH_FILESTAT_SET_SIZE = 1 << 19;
        const PATH_FILESTAT_SET_TIMES = 1 << 20;
        const FD_FILESTAT_GET = 1 << 21;
        const FD_FILESTAT_SET_SIZE = 1 << 22;
        const FD_FILESTAT_SET_TIMES = 1 << 23;
        const PATH_SYMLINK = 1 << 24;
        const PATH_REMOVE_DIRECTORY = 1 << 25;
        const PATH_UNLINK_FILE = 1 << 26;
        const POLL_FD_READWRITE = 1 << 27;
        const SOCK_SHUTDOWN = 1 << 28;
        const SOCK_ACCEPT = 1 << 29;

        /// Of anything with bytes in a row, in both directions.
        const STREAM = Self::FD_READ.bits() | Self::FD_WRITE.bits() | Self::FD_FDSTAT_SET_FLAGS.bits()
            | Self::FD_FILESTAT_GET.bits() | Self::POLL_FD_READWRITE.bits();
        /// Of regular files.
        const FILE = Self::STREAM.bits() | Self::FD_DATASYNC.bits() | Self::FD_SEEK.bits()
            | Self::FD_SYNC.bits() | Self::FD_TELL.bits() | Self::FD_ADVISE.bits()
            | Self::FD_ALLOCATE.bits() | Self::FD_FILESTAT_SET_SIZE.bits()
            | Self::FD_FILESTAT_SET_TIMES.bits();
        /// Of directories, to look.
        const DIRECTORY_READ = Self::FD_FDSTAT_SET_FLAGS.bits() | Self::FD_SYNC.bits()
            | Self::FD_DATASYNC.bits() | Self::PATH_OPEN.bits() | Self::FD_READDIR.bits()
            | Self::PATH_READLINK.bits() | Self::PATH_FILESTAT_GET.bits() | Self::FD_FILESTAT_GET.bits()
            | Self::POLL_FD_READWRITE.bits();
        /// Of directories, all.
        const DIRECTORY = Self::DIRECTORY_READ.bits() | Self::PATH_CREATE_DIRECTORY.bits()
            | Self::PATH_CREATE_FILE.bits() | Self::PATH_LINK_SOURCE.bits()
            | Self::PATH_LINK_TARGET.bits() | Self::PATH_RENAME_SOURCE.bits()
            | Self::PATH_RENAME_TARGET.bits() | Self::PATH_FILESTAT_SET_SIZE.bits()
            | Self::PATH_FILESTAT_SET_TIMES.bits() | Self::FD_FILESTAT_SET_TIMES.bits()
            | Self::PATH_SYMLINK.bits() | Self::PATH_REMOVE_DIRECTORY.bits()
            | Self::PATH_UNLINK_FILE.bits();
        /// What files under a directory that is only read may be used for.
        const READ_ONLY = Self::DIRECTORY_READ.bits() | Self::FD_READ.bits() | Self::FD_SEEK.bits()
            | Self::FD_TELL.bits() | Self::FD_ADVISE.bits();
    }

    /// How a descriptor behaves.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct FdFlags: u16 {
        const APPEND = 1;
        const DSYNC = 1 << 1;
        const NONBLOCK = 1 << 2;
        const RSYNC = 1 << 3;
        const SYNC = 1 << 4;
        /// Those that are chosen when a file is opened and then stay.
        const SYNCS = Self::DSYNC.bits() | Self::RSYNC.bits() | Self::SYNC.bits();
    }

    /// How a file is opened.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct OpenFlags: u16 {
        const CREATE = 1;
        const DIRECTORY = 1 << 1;
        const EXCLUSIVE = 1 << 2;
        const TRUNCATE = 1 << 3;
    }

    /// Which times to set, and to what.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct SetTimes: u16 {
        const ACCESSED = 1;
        const ACCESSED_NOW = 1 << 1;
        const MODIFIED = 1 << 2;
        const MODIFIED_NOW = 1 << 3;
    }
}

/// What is behind a descriptor or a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Filetype {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDatagram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl Filetype {
    /// Every one, by its number.
    pub(crate) const ALL: [Self; 8] = [
        Self::Unknown,
        Self::BlockDevice,
        Self::CharacterDevice,
        Self::Directory,
        Self::RegularFile,
        Self::SocketDatagram,
        Self::SocketStream,
        Self::SymbolicLink,
    ];

    /// From the upper bits of a file's mode. The interface has no number for pipes.
    pub(crate) fn of(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::RegularFile,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::SymbolicLink,
            FileType::CharacterDevice => Self::CharacterDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::Socket => Self::SocketStream,
            FileType::Fifo | FileType::Unknown => Self::Unknown,
        }
    }
}

/// `filestat`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filestat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: Filetype,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    /// Nanoseconds since 1970: accessed, modified, changed.
    pub(crate) times: [u64; 3],
}

impl Filestat {
    /// Of something that is not a file.
    pub(crate) fn nameless(filetype: Filetype) -> Self {
        Self { dev: 0, ino: 0, filetype, nlink: 0, size: 0, times: [0; 3] }
    }

    pub(crate) fn bytes(&self, layout: &FilestatLayout) -> Vec<u8> {
        let mut out = vec![0; layout.bytes as usize];
        put(&mut out, 0, &self.dev.to_le_bytes());
        put(&mut out, 8, &self.ino.to_le_bytes());
        out[16] = self.filetype as u8;
        put(&mut out, layout.nlink, &self.nlink.to_le_bytes()[..layout.size - layout.nlink]);
        put(&mut out, layout.size, &self.size.to_le_bytes());
        for (index, time) in self.times.iter().enumerate() {
            put(&mut out, layout.size + 8 + index * 8, &time.to_le_bytes());
        }
        out
    }
}

/// Nanoseconds since 1970 of a file's time; 0 for one before it.
pub(crate) fn nanoseconds(seconds: i64, nanoseconds: u64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// `fdstat`
pub(crate) fn fdstat(filetype: Filetype, flags: FdFlags, rights: Rights, inheriting: Rights) -> [u8; 24] {
    let mut out = [0; 24];
    out[0] = filetype as u8;
    put(&mut out, 2, &flags.bits().to_le_bytes());
    put(&mut out, 8, &rights.bits().to_le_bytes());
    put(&mut out, 16, &inheriting.bits().to_le_bytes());
    out
}

/// `dirent`, without the name behind it.
pub(crate) fn dirent(next: u64, ino: u64, name_bytes: u32, filetype: Filetype) -> [u8; 24] {
    let mut out = [0; 24];
    put(&mut out, 0, &next.to_le_bytes());
    put(&mut out, 8, &ino.to_le_bytes());
    put(&mut out, 16, &name_bytes.to_le_bytes());
    out[20] = filetype as u8;
    out
}

/// Copies a field into a record.
pub(crate) fn put(out: &mut [u8], at: usize, field: &[u8]) {
    out[at..at + field.len()].copy_from_slice(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_types_stand_at_their_numbers() {
        for (number, filetype) in Filetype::ALL.into_iter().enumerate() {
            assert_eq!(filetype as usize, number);
        }
    }

    #[test]
    fn directories_cannot_be_read_written_or_sized() {
        let bytes = Rights::FD_READ | Rights::FD_WRITE | Rights::FD_SEEK | Rights::FD_FILESTAT_SET_SIZE;
        assert_eq!(Rights::DIRECTORY & bytes, Rights::empty());
    }
}
