//! A child that is stopped and does nothing of its own.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use midstride_os::maps::{MapEntries, Sharing};
use midstride_os::process::{self, Change};
use midstride_os::ptrace::{self, PtraceRegs};
use midstride_os::signal::{SIGKILL, SIGSTOP, SIGTRAP, SigSet};
use midstride_os::{Errno, answer, nr};

use crate::error::StartError;

/// Ends with its tracer; whatever would make a second thread or another program of it is heard of.
const OPTIONS: u64 = ptrace::O_EXITKILL
    | ptrace::O_TRACEEXEC
    | ptrace::O_TRACEFORK
    | ptrace::O_TRACEVFORK
    | ptrace::O_TRACECLONE;

/// A stopped child. Killed and waited for when dropped.
pub(crate) struct Child {
    pub(crate) pid: i32,
    pub(crate) handle: Arc<OwnedFd>,
    memory: File,
    /// Registers of a child that has nothing to do.
    idle: PtraceRegs,
}

fn failed(call: &'static str) -> impl FnOnce(Errno) -> StartError {
    move |errno| StartError::System { call, errno }
}

impl Child {
    /// Makes a child of the calling thread, which alone can use it.
    pub(crate) fn new() -> Result<Self, StartError> {
        // SAFETY: what it shares with this process is unmapped before it runs anything.
        let pid = unsafe { process::fork_waiting() }.map_err(failed("clone"))?;
        Self::catch(pid).inspect_err(|_| {
            let _ = midstride_os::thread::tgkill(pid, pid, SIGKILL);
            let _ = process::wait(pid);
        })
    }

    fn catch(pid: i32) -> Result<Self, StartError> {
        ptrace::seize(pid, OPTIONS).map_err(failed("ptrace"))?;
        ptrace::interrupt(pid).map_err(failed("ptrace"))?;
        process::wait(pid).map_err(failed("wait4"))?;
        ptrace::set_signal_mask(pid, SigSet::EMPTY).map_err(failed("ptrace"))?;
        let idle = ptrace::registers(pid).map_err(failed("ptrace"))?;
        let fd = process::pidfd_open(pid).map_err(failed("pidfd_open"))?;
        // SAFETY: the descriptor was made just now, and nobody else knows it.
        let handle = Arc::new(unsafe { OwnedFd::from_raw_fd(fd) });
        let mem = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem"));
        let memory = mem.map_err(|error| StartError::System { call: "openat", errno: errno(&error) })?;
        let child = Self { pid, handle, memory, idle };
        child.leave_restartable_sequences()?;
        child.unshare()?;
        Ok(child)
    }

    /// Has the child make a system call.
    pub(crate) fn call(&self, number: u64, args: [u64; 6]) -> Result<u64, Errno> {
        let [rdi, rsi, rdx, r10, r8, r9] = args;
        let rip = process::syscall_address();
        let regs =
            PtraceRegs { rax: number, orig_rax: u64::MAX, rip, rdi, rsi, rdx, r10, r8, r9, ..self.idle };
        ptrace::set_registers(self.pid, &regs)?;
        loop {
            ptrace::single_step(self.pid, 0)?;
            match process::wait(self.pid) {
                // A call that came early; nobody waits for it here.
                Ok(Change::Stopped { signal: SIGSTOP, .. }) | Err(Errno::EINTR) => {}
                Ok(Change::Stopped { signal: SIGTRAP, event: 0 }) => break,
                Ok(_) => return Err(Errno::ESRCH),
                Err(errno) => return Err(errno),
            }
        }
        answer(ptrace::registers(self.pid)?.rax.cast_signed())
    }

    /// Writes memory whatever its protection is.
    pub(crate) fn write_code(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.memory.write_all_at(bytes, address).map_err(|error| errno(&error))
    }

    /// The kernel writes to a thread's area for restartable sequences, which the program may destroy.
    fn leave_restartable_sequences(&self) -> Result<(), StartError> {
        const UNREGISTER: u64 = 1;
        // A kernel that cannot tell is one that no C library registers anything with.
        let Ok(rseq) = ptrace::rseq_configuration(self.pid) else { return Ok(()) };
        if rseq.address != 0 {
            let args = [rseq.address, rseq.bytes.into(), UNREGISTER, rseq.signature.into(), 0, 0];
            self.call(nr::RSEQ, args).map_err(failed("rseq"))?;
        }
        Ok(())
    }

    /// Takes out of the child what it shares with other processes.
    fn unshare(&self) -> Result<(), StartError> {
        let maps = fs::read(format!("/proc/{}/maps", self.pid));
        let maps = maps.map_err(|error| StartError::System { call: "read", errno: errno(&error) })?;
        let shared = MapEntries::new(&maps).filter(|entry| entry.sharing == Sharing::Shared);
        shared.into_iter().try_for_each(|entry| {
            let args = [entry.start, entry.end - entry.start, 0, 0, 0, 0];
            self.call(nr::MUNMAP, args).map(drop).map_err(failed("munmap"))
        })
    }

    /// Registers to begin with: the selectors are right.
    pub(crate) fn idle(&self) -> PtraceRegs {
        PtraceRegs { orig_rax: u64::MAX, ..self.idle }
    }
}

/// The error number of an operation of the standard library.
fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::new)
}

impl Drop for Child {
    fn drop(&mut self) {
        use std::os::fd::AsRawFd;
        if process::pidfd_send_signal(self.handle.as_raw_fd(), SIGKILL).is_ok() {
            // Until it has ended; it can still report stops that came first.
            while let Ok(Change::Stopped { .. }) | Err(Errno::EINTR) = process::wait(self.pid) {}
        }
    }
}
