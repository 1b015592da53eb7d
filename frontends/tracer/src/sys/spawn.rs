//! Starting the program: a child that waits until the host is attached, then calls exec.
//!
//! `std::process::Command` is not used because it changes what the program inherits: it resets SIGPIPE
//! and the signal mask.

use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
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

/// A child that has not called exec yet.
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

/// What the child reads. It shares this process's memory until its exec, so this is never freed.
struct Held {
    program: ProgramFile,
    argv: Vec<*const libc::c_char>,
    /// Its end of the link, and the parent's, which it closes.
    link: [RawFd; 2],
    stack: [u64; 1024],
}

/// Starts a child that waits for [`Child::release`]; when the [`Child`] is dropped before, it ends with
/// status 126. The child keeps every signal disposition, mask and descriptor this process has now, so
/// nothing of the kind may be changed earlier.
///
/// The child is no copy: copying this process's page tables, and then the pages that both write, took a tenth
/// of a short run.
pub(crate) fn spawn_held(program: ProgramFile) -> io::Result<Child> {
    let mut argv: Vec<*const libc::c_char> = program.args.iter().map(|arg| arg.as_ptr()).collect();
    argv.push(null());
    let (ours, theirs) = UnixStream::pair()?;
    let held = Box::leak(Box::new(Held {
        program,
        argv,
        link: [theirs.as_raw_fd(), ours.as_raw_fd()],
        stack: [0; 1024],
    }));
    let stack_end = held.stack.as_mut_ptr_range().end;
    let argument = (&raw mut *held).cast();
    // SAFETY: the child runs on a stack of its own, in memory that stays; of what both can reach it writes
    // nothing, not even errno, and has descriptors and signal dispositions of its own.
    let pid = check(unsafe {
        libc::clone(hold_then_exec, stack_end.cast(), libc::CLONE_VM | libc::SIGCHLD, argument)
    })?;
    Ok(Child { pid: pid as Pid, link: ours })
}

/// The child. It makes system calls without the C library, whose `errno` is the parent's too.
extern "C" fn hold_then_exec(held: *mut libc::c_void) -> libc::c_int {
    use midstride_os::{nr, syscall1, syscall3};
    // SAFETY: `spawn_held` passes it and lets it stay.
    let Held { program, argv, link, .. } = unsafe { &*held.cast::<Held>() };
    let [link, parents] = link.map(|fd| fd as u64);
    let mut go = 0u8;
    let address = |pointer: *const libc::c_void| pointer.expose_provenance() as u64;
    // SAFETY: the descriptor is open and each buffer is a local of the given length; `argv` ends with a
    // null pointer, its strings and `environ` stay until exec gives this process memory of its own.
    unsafe {
        syscall1(nr::CLOSE, parents);
        if syscall3(nr::READ, link, address((&raw mut go).cast()), 1) != 1 {
            syscall1(nr::EXIT_GROUP, 126);
        }
        let (path, environ) = (address(program.path.as_ptr().cast()), address(libc::environ.cast()));
        let error = -syscall3(nr::EXECVE, path, address(argv.as_ptr().cast()), environ) as i32;
        syscall3(nr::WRITE, link, address((&raw const error).cast()), size_of::<i32>() as u64);
        syscall1(nr::EXIT_GROUP, 127);
    }
    127
}

/// Opens `/dev/null`, closed at exec, in the place of each standard descriptor that is closed, so that no
/// file of the host's gets a standard number; the program still finds them closed. Where there is no such
/// device, the root directory keeps the place: it can neither be read nor written through that.
pub(crate) fn keep_standard_descriptors() -> io::Result<()> {
    const KEEPERS: [(&CStr, i32); 2] = [(c"/dev/null", libc::O_RDWR), (c"/", libc::O_PATH)];
    // SAFETY: the path is a terminated string; the kernel reads it and writes nothing.
    let open =
        |(path, flags): (&CStr, i32)| check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) });
    let [device, root] = KEEPERS;
    loop {
        let fd = open(device).or_else(|_| open(root))? as i32;
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
