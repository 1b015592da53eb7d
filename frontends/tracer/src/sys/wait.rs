//! Waiting for children and attached threads.

use std::io;
use std::time::Duration;

use super::{Pid, check};

/// Why an attached thread, or a child, stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// At the entry or exit of a system call.
    Syscall,
    /// A successful exec.
    Exec,
    /// With its whole group (`signal` says why), or because it was interrupted (SIGTRAP).
    Group { signal: i32 },
    /// About to receive a signal; for a child that is not attached, stopped by it.
    Signal(i32),
}

/// What became of a process or thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// It stopped.
    Stopped(Stop),
    /// It goes on after a stop.
    Continued,
    /// It called exit with this status.
    Exited(u8),
    /// It was killed by this signal.
    Killed { signal: i32, core: CoreDump },
}

/// Whether a core file was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CoreDump {
    Written,
    None,
}

impl Change {
    /// Reads a wait status.
    pub(super) fn from_status(status: i32) -> Self {
        if libc::WIFEXITED(status) {
            return Self::Exited(libc::WEXITSTATUS(status) as u8);
        }
        if libc::WIFSIGNALED(status) {
            let core = if libc::WCOREDUMP(status) { CoreDump::Written } else { CoreDump::None };
            return Self::Killed { signal: libc::WTERMSIG(status), core };
        }
        if libc::WIFCONTINUED(status) {
            return Self::Continued;
        }
        Self::Stopped(Stop::from_status(status))
    }
}

impl Stop {
    fn from_status(status: i32) -> Self {
        let signal = libc::WSTOPSIG(status);
        match status >> 16 {
            libc::PTRACE_EVENT_EXEC => Self::Exec,
            libc::PTRACE_EVENT_STOP => Self::Group { signal },
            _ if signal == libc::SIGTRAP | 0x80 => Self::Syscall,
            _ => Self::Signal(signal),
        }
    }
}

fn wait(pid: Pid, flags: i32) -> io::Result<Option<(Pid, Change)>> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one int to `status`, which lives across the call.
        match check(unsafe { libc::waitpid(pid, &mut status, flags) }) {
            Ok(0) => return Ok(None),
            Ok(who) => return Ok(Some((who as Pid, Change::from_status(status)))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Blocks until the attached thread `tid` changes.
pub(crate) fn wait_for(tid: Pid) -> io::Result<Change> {
    wait(tid, libc::__WALL)?.map(|(_, change)| change).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// A change of any child or attached thread that has not been seen yet; none when all is quiet or there is
/// nobody left.
pub(crate) fn poll_any() -> Option<(Pid, Change)> {
    wait(-1, libc::__WALL | libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED).ok().flatten()
}

/// Processor time of all children that ended and were waited for, their own descendants included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TreeTimes {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl TreeTimes {
    /// What was used after `earlier`. A host that was exec'ed inherits what its process's children used before:
    /// `cargo run` compiles first.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let Self { user, system } = self;
        Self { user: user.saturating_sub(earlier.user), system: system.saturating_sub(earlier.system) }
    }
}

/// The processor time used so far by ended children, see [`TreeTimes`].
pub(crate) fn tree_times() -> TreeTimes {
    // SAFETY: all-zero bytes are a valid `rusage`, which holds integers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `rusage` to `usage`, which lives across the call.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) } != 0 {
        return TreeTimes::default();
    }
    let duration = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    TreeTimes { user: duration(usage.ru_utime), system: duration(usage.ru_stime) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_children_used_before_an_exec_of_the_host_does_not_count() {
        let times =
            |user, system| TreeTimes { user: Duration::from_secs(user), system: Duration::from_secs(system) };
        let used = times(66, 7).since(times(65, 7));
        assert_eq!((used.user, used.system), (Duration::from_secs(1), Duration::ZERO));
    }

    #[test]
    fn wait_statuses_are_told_apart() {
        let stopped = |stop| Change::Stopped(stop);
        let cases = [
            (0x0300, Change::Exited(3)),
            (libc::SIGKILL, Change::Killed { signal: libc::SIGKILL, core: CoreDump::None }),
            (libc::SIGSEGV | 0x80, Change::Killed { signal: libc::SIGSEGV, core: CoreDump::Written }),
            (0xffff, Change::Continued),
            (0x7f | 0x85 << 8, stopped(Stop::Syscall)),
            (0x7f | libc::SIGTRAP << 8 | libc::PTRACE_EVENT_EXEC << 16, stopped(Stop::Exec)),
            (
                0x7f | libc::SIGTSTP << 8 | libc::PTRACE_EVENT_STOP << 16,
                stopped(Stop::Group { signal: libc::SIGTSTP }),
            ),
            (0x7f | 34 << 8, stopped(Stop::Signal(34))),
        ];
        for (status, expected) in cases {
            assert_eq!(Change::from_status(status), expected, "status {status:#x}");
        }
    }
}
