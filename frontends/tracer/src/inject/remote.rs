//! System calls made by a stopped process on our behalf.

use std::fs;
use std::io;

use super::layout::Access;
use crate::sys::{self, Change, Pid, Regs, Stop};

/// The largest error number the kernel answers with.
const MAX_ERRNO: u64 = 4095;
/// Every signal; SIGKILL and SIGSTOP cannot be blocked, the kernel leaves them out.
const ALL_SIGNALS: u64 = u64::MAX;
/// By which a script ends.
const END_SIGNAL: i32 = libc::SIGTRAP;

/// Why a remote system call did not succeed.
#[derive(Debug)]
pub(super) enum RemoteError {
    /// It answered an error.
    Call { call: &'static str, error: io::Error },
    /// The process was killed.
    Gone,
    /// The kernel refused a request about the process.
    Kernel(io::Error),
}

impl From<io::Error> for RemoteError {
    fn from(error: io::Error) -> Self {
        if error.raw_os_error() == Some(libc::ESRCH) { Self::Gone } else { Self::Kernel(error) }
    }
}

/// A system call by name and number.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    number: i64,
}

/// A process that makes system calls for us, with its signals blocked.
pub(super) struct Remote {
    pid: Pid,
    regs: Regs,
    mask: u64,
    later: Later,
}

/// Signals that arrived meanwhile and are sent again at the end, bit n for signal n.
#[derive(Default)]
struct Later(u64);

impl Later {
    fn add(&mut self, signal: i32) {
        self.0 |= 1 << signal;
    }

    fn send(&self, pid: Pid) -> Result<(), RemoteError> {
        let signals = [libc::SIGSTOP, END_SIGNAL].into_iter().filter(|signal| self.0 & 1 << signal != 0);
        for signal in signals {
            sys::send_signal(pid, signal)?;
        }
        Ok(())
    }
}

/// What ended a run to the next system-call stop.
#[derive(PartialEq, Eq)]
enum Ran {
    ToStop,
    /// A seccomp filter of the program's raised SIGSYS.
    Filtered,
}

/// Lets a process that is stopped at its exec event run to the end of that system call.
pub(super) fn finish_exec(pid: Pid) -> Result<(), RemoteError> {
    let mut later = Later::default();
    run_to_stop(pid, &mut later)?;
    later.send(pid)
}

fn run_to_stop(pid: Pid, later: &mut Later) -> Result<Ran, RemoteError> {
    loop {
        sys::step_to_syscall_stop(pid)?;
        match sys::wait_for(pid)? {
            Change::Stopped(Stop::Syscall) => return Ok(Ran::ToStop),
            Change::Stopped(Stop::Signal(libc::SIGSYS)) => return Ok(Ran::Filtered),
            Change::Stopped(Stop::Signal(libc::SIGSTOP)) => later.add(libc::SIGSTOP),
            Change::Stopped(_) | Change::Continued => {}
            Change::Exited(_) | Change::Killed { .. } => return Err(RemoteError::Gone),
        }
    }
}

impl Remote {
    /// Prepares `pid`, stopped at the end of a system call with `regs`; `syscall_at` is the address of a
    /// `syscall` instruction in it.
    pub(super) fn new(pid: Pid, regs: Regs, syscall_at: u64) -> Result<Self, RemoteError> {
        let mask = sys::signal_mask(pid)?;
        sys::set_signal_mask(pid, ALL_SIGNALS)?;
        let regs = Regs { rip: syscall_at, orig_rax: u64::MAX, ..regs };
        Ok(Self { pid, regs, mask, later: Later::default() })
    }

    /// Which process.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Ends the work: the process will go on with `regs`, its own signals unblocked again.
    pub(super) fn leave(self, regs: &Regs) -> Result<(), RemoteError> {
        sys::set_regs(self.pid, regs)?;
        sys::set_signal_mask(self.pid, self.mask)?;
        self.later.send(self.pid)
    }

    /// Copies `bytes` to its address `at`.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), RemoteError> {
        Ok(sys::write_memory(self.pid, at, bytes)?)
    }

    /// Maps `len` bytes of zeroed memory exactly at `at`, where nothing may be yet.
    pub(super) fn map_anonymous(&mut self, at: u64, len: u64) -> Result<(), RemoteError> {
        self.map_at(at, len, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Maps `len` bytes that only a tracer can write exactly at `at`, where nothing may be yet.
    pub(super) fn map_for_code(&mut self, at: u64, len: u64) -> Result<(), RemoteError> {
        self.map_at(at, len, libc::PROT_READ | libc::PROT_EXEC)
    }

    fn map_at(&mut self, at: u64, len: u64, protection: i32) -> Result<(), RemoteError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let got = self.mmap([at, len], protection, flags, u64::MAX)?;
        if got == at {
            return Ok(());
        }
        self.munmap(got, len)?;
        Err(RemoteError::Call { call: "mmap", error: io::ErrorKind::AlreadyExists.into() })
    }

    /// Maps the first `len` bytes of descriptor `fd`, shared, anywhere.
    pub(super) fn map_shared(&mut self, fd: u64, len: u64) -> Result<u64, RemoteError> {
        self.mmap([0, len], libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd)
    }

    fn mmap(
        &mut self,
        [at, len]: [u64; 2],
        protection: i32,
        flags: i32,
        fd: u64,
    ) -> Result<u64, RemoteError> {
        let call = Call { name: "mmap", number: libc::SYS_mmap };
        self.call(call, [at, len, protection as u64, flags as u64, fd, 0])
    }

    /// Changes what whole pages may be used for.
    pub(super) fn protect(&mut self, at: u64, len: u64, access: Access) -> Result<(), RemoteError> {
        let call = Call { name: "mprotect", number: libc::SYS_mprotect };
        let protection = match access {
            Access::Read => libc::PROT_READ,
            Access::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        };
        self.call(call, [at, len, protection as u64, 0, 0, 0]).map(drop)
    }

    /// Unmaps whole pages.
    pub(super) fn munmap(&mut self, at: u64, len: u64) -> Result<(), RemoteError> {
        let call = Call { name: "munmap", number: libc::SYS_munmap };
        self.call(call, [at, len, 0, 0, 0, 0]).map(drop)
    }

    /// Opens the file whose terminated path lies at its address `path`, for reading and writing.
    pub(super) fn open(&mut self, path: u64) -> Result<u64, RemoteError> {
        let call = Call { name: "openat", number: libc::SYS_openat };
        let flags = (libc::O_RDWR | libc::O_CLOEXEC) as u64;
        self.call(call, [libc::AT_FDCWD as u64, path, flags, 0, 0, 0])
    }

    /// Closes a descriptor.
    pub(super) fn close(&mut self, fd: u64) -> Result<(), RemoteError> {
        let call = Call { name: "close", number: libc::SYS_close };
        self.call(call, [fd, 0, 0, 0, 0, 0]).map(drop)
    }

    /// Makes a pair of connected sockets; their two descriptors, 32 bits each, go to its address `at`.
    pub(super) fn socket_pair(&mut self, at: u64) -> Result<(), RemoteError> {
        let call = Call { name: "socketpair", number: libc::SYS_socketpair };
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        self.call(call, [libc::AF_UNIX as u64, kind as u64, 0, at, 0, 0]).map(drop)
    }

    /// Receives into the `msghdr` at its address `message`; a descriptor that comes with it is closed at exec.
    pub(super) fn receive_message(&mut self, fd: u64, message: u64) -> Result<(), RemoteError> {
        let call = Call { name: "recvmsg", number: libc::SYS_recvmsg };
        self.call(call, [fd, message, libc::MSG_CMSG_CLOEXEC as u64, 0, 0, 0]).map(drop)
    }

    /// Lets the process run from `start` until it sends itself SIGTRAP just before `end`; answers its registers
    /// there, or nothing when it stops by another signal.
    pub(super) fn run(&mut self, start: u64, end: u64) -> Result<Option<Regs>, RemoteError> {
        sys::set_regs(self.pid, &Regs { rip: start, ..self.regs })?;
        sys::set_signal_mask(self.pid, ALL_SIGNALS & !(1 << (END_SIGNAL - 1)))?;
        let regs = loop {
            sys::cont(self.pid, 0)?;
            let signal = match sys::wait_for(self.pid)? {
                Change::Stopped(Stop::Signal(signal)) => signal,
                Change::Stopped(_) | Change::Continued => continue,
                Change::Exited(_) | Change::Killed { .. } => return Err(RemoteError::Gone),
            };
            let regs = sys::regs(self.pid)?;
            match signal {
                END_SIGNAL if regs.rip == end => break Some(regs),
                libc::SIGSTOP | END_SIGNAL => self.later.add(signal),
                _ => break None,
            }
        };
        sys::set_signal_mask(self.pid, ALL_SIGNALS)?;
        Ok(regs)
    }

    fn call(&mut self, call: Call, args: [u64; 6]) -> Result<u64, RemoteError> {
        let [rdi, rsi, rdx, r10, r8, r9] = args;
        sys::set_regs(self.pid, &Regs { rax: call.number as u64, rdi, rsi, rdx, r10, r8, r9, ..self.regs })?;
        let entered = run_to_stop(self.pid, &mut self.later)?;
        if entered == Ran::Filtered || run_to_stop(self.pid, &mut self.later)? == Ran::Filtered {
            return Err(filtered(call));
        }
        let value = sys::regs(self.pid)?.rax;
        // A filter that raises SIGSYS leaves the number in rax and the signal pending; take it away.
        if value == call.number as u64 && signal_pending(self.pid, libc::SIGSYS) {
            run_to_stop(self.pid, &mut self.later)?;
            return Err(filtered(call));
        }
        answer(call, value)
    }
}

fn filtered(call: Call) -> RemoteError {
    RemoteError::Call { call: call.name, error: io::Error::from_raw_os_error(libc::EPERM) }
}

/// Whether `signal` waits to be delivered to the main thread of process `pid`.
fn signal_pending(pid: Pid, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigPnd:"));
    let set = line.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()).unwrap_or(0);
    set & 1 << (signal - 1) != 0
}

fn answer(call: Call, value: u64) -> Result<u64, RemoteError> {
    if value > u64::MAX - MAX_ERRNO {
        let error = io::Error::from_raw_os_error(value.wrapping_neg() as i32);
        return Err(RemoteError::Call { call: call.name, error });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_4095_values_are_errors() {
        let call = Call { name: "mmap", number: 9 };
        assert_eq!(answer(call, u64::MAX - 4095).unwrap(), u64::MAX - 4095);
        let error = answer(call, -i64::from(libc::ENOMEM) as u64).unwrap_err();
        assert!(
            matches!(error, RemoteError::Call { call: "mmap", error } if error.raw_os_error() == Some(libc::ENOMEM))
        );
    }
}
