//! Passing open files from one process to another.

use std::fs::File;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Pid, check};

/// A copy of descriptor `fd` of process `pid`, to which this process is attached.
pub(crate) fn copy_descriptor(pid: Pid, fd: i32) -> io::Result<OwnedFd> {
    let owned = |fd: i64| {
        // SAFETY: the kernel just made this descriptor, so nobody else owns it.
        unsafe { OwnedFd::from_raw_fd(fd as i32) }
    };
    // SAFETY: passes numbers only.
    let process = owned(check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?);
    // SAFETY: passes numbers only; `process` is open.
    check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) }).map(owned)
}

/// A control message that carries one descriptor, as the kernel lays it out.
#[repr(C)]
struct OneDescriptor {
    header: libc::cmsghdr,
    fd: i32,
    padding: i32,
}

/// Sends one byte with `file` attached through `socket`.
pub(crate) fn send_file(socket: &OwnedFd, file: &File) -> io::Result<()> {
    let mut byte = 0u8;
    let mut data = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let len = size_of::<libc::cmsghdr>() + size_of::<i32>();
    let header = libc::cmsghdr { cmsg_len: len, cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS };
    let mut control = OneDescriptor { header, fd: file.as_raw_fd(), padding: 0 };
    // SAFETY: all-zero bytes are a valid `msghdr`: null pointers and zero lengths.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut data;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<OneDescriptor>();
    // SAFETY: `message` points to locals of the lengths it says, which live across the call.
    check(unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) } as i64).map(drop)
}
