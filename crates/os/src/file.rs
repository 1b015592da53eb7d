//! Descriptors and files.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall1, syscall2, syscall3, syscall4};

/// Directory argument: paths are relative to the current directory.
pub const AT_FDCWD: i32 = -100;
/// [`openat`]: for reading.
pub const O_RDONLY: u32 = 0;
/// [`openat`]: for writing.
pub const O_WRONLY: u32 = 1;
/// [`openat`]: for both.
pub const O_RDWR: u32 = 2;
/// [`openat`]: made when it does not exist.
pub const O_CREAT: u32 = 0o100;
/// [`openat`]: emptied.
pub const O_TRUNC: u32 = 0o1000;
/// [`openat`]: writes go to the end.
pub const O_APPEND: u32 = 0o2000;
/// [`openat`]: closed by execve.
pub const O_CLOEXEC: u32 = 0o200_0000;

/// A descriptor as a system call argument.
fn arg(fd: i32) -> u64 {
    i64::from(fd) as u64
}

/// Opens a file; returns its descriptor, the lowest one free.
///
/// # Errors
/// As openat(2).
pub fn openat(dir: i32, path: &CStr, flags: u32, mode: u32) -> Result<i32, Errno> {
    let path = path.as_ptr().expose_provenance() as u64;
    // SAFETY: the path ends in a zero byte; opening changes no memory.
    let raw = unsafe { syscall4(nr::OPENAT, arg(dir), path, u64::from(flags), u64::from(mode)) };
    answer(raw).map(|fd| fd as i32)
}

/// Reads at the descriptor's position; returns how many bytes, 0 at the end.
///
/// # Errors
/// As read(2).
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    let start = buffer.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel writes at most the buffer's length into it.
    answer(unsafe { syscall3(nr::READ, arg(fd), start, buffer.len() as u64) }).map(|n| n as usize)
}

/// Reads at `offset`, leaving the descriptor's position alone.
///
/// # Errors
/// As pread(2).
pub fn pread(fd: i32, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let start = buffer.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel writes at most the buffer's length into it.
    let raw = unsafe { syscall4(nr::PREAD64, arg(fd), start, buffer.len() as u64, offset) };
    answer(raw).map(|n| n as usize)
}

/// Writes at the descriptor's position; returns how many bytes were taken.
///
/// # Errors
/// As write(2).
pub fn write(fd: i32, bytes: &[u8]) -> Result<usize, Errno> {
    let start = bytes.as_ptr().expose_provenance() as u64;
    // SAFETY: the kernel only reads the slice.
    answer(unsafe { syscall3(nr::WRITE, arg(fd), start, bytes.len() as u64) }).map(|n| n as usize)
}

/// Writes at `offset`, leaving the descriptor's position alone.
///
/// # Errors
/// As pwrite(2).
pub fn pwrite(fd: i32, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
    let start = bytes.as_ptr().expose_provenance() as u64;
    // SAFETY: the kernel only reads the slice.
    let raw = unsafe { syscall4(nr::PWRITE64, arg(fd), start, bytes.len() as u64, offset) };
    answer(raw).map(|n| n as usize)
}

/// Where the descriptor reads and writes next.
///
/// # Errors
/// As lseek(2): `ESPIPE` for pipes, sockets and terminals.
pub fn position(fd: i32) -> Result<u64, Errno> {
    const SEEK_CUR: u64 = 1;
    // SAFETY: changes no memory, and not the position.
    answer(unsafe { syscall3(nr::LSEEK, arg(fd), 0, SEEK_CUR) })
}

/// Closes a descriptor. It is closed even when an error comes back.
///
/// # Errors
/// As close(2).
pub fn close(fd: i32) -> Result<(), Errno> {
    // SAFETY: changes no memory of this process.
    answer(unsafe { syscall1(nr::CLOSE, arg(fd)) }).map(drop)
}

/// The target of a symbolic link, cut to the buffer's length and without a zero byte; returns its
/// length.
///
/// # Errors
/// As readlinkat(2).
pub fn readlinkat(dir: i32, path: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    let path = path.as_ptr().expose_provenance() as u64;
    let start = buffer.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the path ends in a zero byte; the kernel writes at most the buffer's length into it.
    let raw = unsafe { syscall4(nr::READLINKAT, arg(dir), path, start, buffer.len() as u64) };
    answer(raw).map(|n| n as usize)
}

/// What fstat(2) says of a file, the kernel's `struct stat` for x86-64.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Stat {
    /// Device it lies on.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
    /// Names it has.
    pub nlink: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    pad: u32,
    /// The device it is, for special files.
    pub rdev: u64,
    /// Length in bytes.
    pub size: i64,
    /// Preferred block size in bytes.
    pub blksize: i64,
    /// 512-byte blocks it takes.
    pub blocks: i64,
    /// Last read: seconds and nanoseconds.
    pub atime: [u64; 2],
    /// Last change of contents: seconds and nanoseconds.
    pub mtime: [u64; 2],
    /// Last change of the file's record: seconds and nanoseconds.
    pub ctime: [u64; 2],
    unused: [i64; 3],
}

const _: () = assert!(size_of::<Stat>() == 144);

/// What the kernel knows of an open file.
///
/// # Errors
/// As fstat(2).
pub fn fstat(fd: i32) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<Stat>::zeroed();
    let to = stat.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel writes one `struct stat`, 144 bytes.
    answer(unsafe { syscall2(nr::FSTAT, arg(fd), to) })?;
    // SAFETY: all fields are integers, for which zeros and whatever the kernel wrote are valid.
    Ok(unsafe { stat.assume_init() })
}

/// Flag of [`stat_at`]: an empty path stands for the directory's descriptor itself.
pub const AT_EMPTY_PATH: u32 = 0x1000;
/// Flag of [`stat_at`]: a symbolic link is not followed.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;

/// What the kernel knows of the file whose path is the zero-terminated string at address `path`, wherever
/// that is: the kernel looks.
///
/// # Errors
/// As newfstatat(2), `EFAULT` for an address without a string.
pub fn stat_at(dir: i32, path: u64, flags: u32) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<Stat>::zeroed();
    let to = stat.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel reads the path as far as it can, and writes one `struct stat`, 144 bytes.
    answer(unsafe { syscall4(nr::NEWFSTATAT, arg(dir), path, to, u64::from(flags)) })?;
    // SAFETY: all fields are integers, for which zeros and whatever the kernel wrote are valid.
    Ok(unsafe { stat.assume_init() })
}

/// Whether the file has an extended attribute; its path is given as for [`stat_at`].
#[must_use]
pub fn has_attribute(path: u64, name: &CStr) -> bool {
    let name = name.as_ptr().expose_provenance() as u64;
    // SAFETY: with a size of 0 the kernel writes nothing; it reads both strings as far as it can.
    answer(unsafe { syscall4(nr::GETXATTR, path, name, 0, 0) }).is_ok_and(|bytes| bytes > 0)
}

/// Writes all of `bytes`, going on after short writes and interruptions.
///
/// # Errors
/// As write(2); some of the bytes may have been written.
pub fn write_all(fd: i32, bytes: &[u8]) -> Result<(), Errno> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write(fd, rest) {
            Ok(0) => return Err(Errno::EIO),
            Ok(n) => rest = &rest[n..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
