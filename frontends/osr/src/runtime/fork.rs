//! Child processes that are copies of this one.

use std::io;

/// A child process.
#[derive(Debug)]
pub(crate) struct Child {
    /// 0 when it was waited for.
    pid: libc::pid_t,
    status: i32,
}

impl Child {
    /// Runs `action` in a copy of this process, which then ends with the status that it answers.
    pub(crate) fn run(action: impl FnOnce() -> i32) -> io::Result<Self> {
        // SAFETY: the copy has this thread only. It allocates, which glibc allows after its own `fork`, and
        // takes no lock that another thread could have held: it writes a file of its own and ends without
        // running destructors.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let status = action();
                // SAFETY: ends the process.
                unsafe { libc::_exit(status) }
            }
            pid => Ok(Self { pid, status: 0 }),
        }
    }

    /// Waits until it ends; its status as wait(2) says.
    pub(crate) fn wait(mut self) -> io::Result<i32> {
        self.reap(0)?;
        Ok(self.status)
    }

    /// Whether it has ended.
    pub(crate) fn is_done(&mut self) -> bool {
        self.reap(libc::WNOHANG).is_ok() && self.pid == 0
    }

    fn reap(&mut self, flags: i32) -> io::Result<()> {
        if self.pid == 0 {
            return Ok(());
        }
        // SAFETY: the status is ours to be written.
        match unsafe { libc::waitpid(self.pid, &raw mut self.status, flags) } {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(()),
            _ => {
                self.pid = 0;
                Ok(())
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.reap(0);
    }
}
