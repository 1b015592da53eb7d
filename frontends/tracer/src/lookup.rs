//! Finding a program the way a shell does, and saying in one line why it cannot run.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::sys;

/// Exit code for a program that was not found.
const NOT_FOUND: u8 = 127;
/// Exit code for a program that was found and cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// The kernel reads this much of a file to decide what it is.
const HEAD_BYTES: usize = 256;

/// Why a program could not be started. [`StartError::exit_code`] is what a shell would answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Nothing of this name in `PATH`.
    #[error("{}: command not found", name.display())]
    NotInPath {
        /// The name given.
        name: OsString,
    },
    /// No such file.
    #[error("{}: no such file", path.display())]
    NoSuchFile {
        /// The path given.
        path: PathBuf,
    },
    /// A directory.
    #[error("{}: is a directory", path.display())]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// No permission to execute it.
    #[error("{}: permission denied (not executable)", path.display())]
    NotExecutable {
        /// The path.
        path: PathBuf,
    },
    /// The interpreter its first line names cannot be executed.
    #[error("{}: bad interpreter {}", path.display(), interpreter.display())]
    BadInterpreter {
        /// The script.
        path: PathBuf,
        /// What its first line names.
        interpreter: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The dynamic loader it names does not exist.
    #[error("{}: cannot execute: its dynamic loader or another required file is missing", path.display())]
    MissingLoader {
        /// The program.
        path: PathBuf,
    },
    /// An ELF file for 32 bits.
    #[error("{}: is a 32-bit program; only 64-bit x86 programs can be traced", path.display())]
    Elf32 {
        /// The program.
        path: PathBuf,
    },
    /// An ELF file for another machine.
    #[error("{}: is a program for another machine (ELF machine {machine:#x})", path.display())]
    ForeignElf {
        /// The program.
        path: PathBuf,
        /// `e_machine`.
        machine: u16,
    },
    /// A file the kernel does not know how to execute.
    #[error("{}: exec format error (a script needs a first line such as `#!/bin/sh`)", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// Attaching to the child was refused.
    #[error(
        "no permission to trace (see /proc/sys/kernel/yama/ptrace_scope, or the container's seccomp profile)"
    )]
    NoPtrace {
        /// What the kernel answered.
        source: io::Error,
    },
    /// `/proc` shows the processes of another pid namespace, or nothing.
    #[error("/proc is missing, or that of another pid namespace (see unshare's --mount-proc)")]
    ForeignProc,
    /// An argument or name holds a zero byte.
    #[error("an argument holds a zero byte")]
    ZeroByte,
    /// Anything else the kernel answered.
    #[error("{}: cannot execute", path.display())]
    Other {
        /// The program.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl StartError {
    /// 127 when something was not found, else 126.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotInPath { .. } | Self::NoSuchFile { .. } | Self::MissingLoader { .. } => NOT_FOUND,
            Self::BadInterpreter { source, .. } if source.kind() == io::ErrorKind::NotFound => NOT_FOUND,
            _ => NOT_EXECUTABLE,
        }
    }
}

/// The file that a shell would execute for `name`.
///
/// # Errors
/// [`StartError::NotInPath`], [`StartError::NoSuchFile`], [`StartError::Directory`] and
/// [`StartError::NotExecutable`].
pub(crate) fn find(name: &OsStr) -> Result<PathBuf, StartError> {
    if name.as_encoded_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return check(&path).map(|()| path);
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut found = Err(StartError::NotInPath { name: name.into() });
    for directory in env::split_paths(&path).filter(|_| !name.is_empty()) {
        let candidate = if directory.as_os_str().is_empty() { ".".into() } else { directory }.join(name);
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error @ StartError::NotExecutable { .. }) => found = Err(error),
            Err(_) => {}
        }
    }
    found
}

fn check(path: &Path) -> Result<(), StartError> {
    let path = path.to_path_buf();
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StartError::NoSuchFile { path }),
        Err(error) => Err(StartError::Other { path, source: error }),
        Ok(data) if data.is_dir() => Err(StartError::Directory { path }),
        Ok(data) if data.permissions().mode() & 0o111 == 0 => Err(StartError::NotExecutable { path }),
        Ok(_) => Ok(()),
    }
}

/// What the kernel's answer to executing `path` means.
pub(crate) fn explain(path: PathBuf, error: io::Error) -> StartError {
    let head = read_head(&path).unwrap_or_default();
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::EACCES | libc::ENOTDIR) if head.starts_with(b"#!") => {
            StartError::BadInterpreter { path, interpreter: interpreter(&head), source: error }
        }
        Some(libc::ENOENT) => StartError::MissingLoader { path },
        Some(libc::EACCES) => StartError::NotExecutable { path },
        Some(libc::ENOEXEC) => explain_format(path, &head),
        _ => StartError::Other { path, source: error },
    }
}

fn explain_format(path: PathBuf, head: &[u8]) -> StartError {
    const CLASS_32: u8 = 1;
    const X86_64: u16 = 62;
    let machine = head.get(18..20).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    match head {
        [0x7f, b'E', b'L', b'F', ..] if machine != X86_64 && machine != 3 => {
            StartError::ForeignElf { path, machine }
        }
        [0x7f, b'E', b'L', b'F', CLASS_32, ..] => StartError::Elf32 { path },
        _ => StartError::UnknownFormat { path },
    }
}

fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn interpreter(head: &[u8]) -> PathBuf {
    let line = head[2..].split(|&byte| byte == b'\n').next().unwrap_or_default();
    let word = line.trim_ascii().split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    PathBuf::from(String::from_utf8_lossy(word).into_owned())
}

/// Whether executing `path` gives its process privileges that its caller lacks: another user or group, or
/// file capabilities. The kernel withholds them from a process that somebody without privileges traces.
pub(crate) fn gains_privileges(path: &Path) -> bool {
    let (Ok(data), Ok(me)) = (fs::metadata(path), fs::metadata("/proc/self")) else { return false };
    let mode = data.permissions().mode();
    let gains_user = mode & 0o4000 != 0 && data.uid() != me.uid();
    // Without group execute permission the bit means mandatory locking.
    let gains_group = mode & 0o2010 == 0o2010 && data.gid() != me.gid();
    me.uid() != 0 && (gains_user || gains_group || sys::has_file_capabilities(path))
}
