//! Starting the program: a forked child that waits until the host is attached, then calls exec.
//!
//! `std::process::Command` is not used because it changes what the program inherits: it resets SIGPIPE
//! and the signal mask.

use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::ptr::{null, null_mut};

use super::{Pid, check};

/// What to execute.
pub(crate) struct ProgramFile {
    /// Its path; not searched for.
    pub(crate) path: CString,
    /// All arguments, the program's name first.
    pub(crate) args: Vec<CString>,
}

/// A forked child that has not called exec yet.
pub(crate) struct Child {
    /// Its process id.
    pub(crate) pid: Pid,
    link: UnixStream,
}

impl Child {
    /// Lets the child call exec.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        self.link.write_all(&[1])
    }

    /// The error of the child's exec, after the child ended; none when the exec succeeded.
    pub(crate) fn exec_error(&mut self) -> Option<io::Error> {
        let mut code = [0; 4];
        self.link.read_exact(&mut code).ok()?;
        Some(io::Error::from_raw_os_error(i32::from_ne_bytes(code)))
    }
}

/// Forks a child that waits for [`Child::release`]; when the [`Child`] is dropped before, it ends with
/// status 126. The child keeps every signal disposition, mask and descriptor this process has now, so
/// nothing of the kind may be changed earlier.
pub(crate) fn spawn_held(program: &ProgramFile) -> io::Result<Child> {
    let mut argv: Vec<*const libc::c_char> = program.args.iter().map(|arg| arg.as_ptr()).collect();
    argv.push(null());
    let (ours, theirs) = UnixStream::pair()?;
    // SAFETY: this process has one thread, so the child may do what a single-threaded program may.
    match check(unsafe { libc::fork() })? {
        0 => {
            drop(ours);
            hold_then_exec(theirs.into(), &program.path, &argv)
        }
        pid => Ok(Child { pid: pid as Pid, link: ours }),
    }
}

fn hold_then_exec(link: OwnedFd, path: &CStr, argv: &[*const libc::c_char]) -> ! {
    let link = link.into_raw_fd();
    let mut go = 0u8;
    // SAFETY: the descriptor is open and each buffer is a local of the given length; `argv` ends with a
    // null pointer, its strings and `environ` live until exec replaces the image. Nothing behind a failed
    // exec returns.
    unsafe {
        if libc::read(link, (&raw mut go).cast(), 1) != 1 {
            libc::_exit(126);
        }
        libc::execve(path.as_ptr(), argv.as_ptr(), libc::environ.cast());
        let error: i32 = *libc::__errno_location();
        libc::write(link, (&raw const error).cast(), size_of::<i32>());
        libc::_exit(127)
    }
}

/// Opens `/dev/null`, closed at exec, in the place of each standard descriptor that is closed, so that no
/// file of the host's gets a standard number; the program still finds them closed.
pub(crate) fn keep_standard_descriptors() -> io::Result<()> {
    loop {
        let flags = libc::O_RDWR | libc::O_CLOEXEC;
        // SAFETY: the path is a terminated string; the kernel reads it and writes nothing.
        let fd = check(unsafe { libc::open(c"/dev/null".as_ptr(), flags) })? as i32;
        if fd > 2 {
            // SAFETY: the kernel just made this descriptor, so nobody else owns it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            return Ok(());
        }
    }
}

/// Whether the file at `path` carries capabilities.
pub(crate) fn has_file_capabilities(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: both names are terminated strings; with a size of 0 the kernel writes nothing.
    unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), null_mut(), 0) > 0 }
}
