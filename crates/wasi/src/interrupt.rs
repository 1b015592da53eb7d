//! Making a blocked call return.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};

/// Makes a call that waits return at once with [`Exit::Interrupted`](crate::Exit::Interrupted), and one that
/// moves much after the piece that it is at.
///
/// It stays raised until it is cleared: a call that would wait meanwhile returns at once, and one that
/// need not wait is carried out, or a piece of it. Clones are the same interrupt.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<OwnedFd>);

impl Interrupt {
    /// One that is not raised.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Interrupts. One system call, and nothing else: signal handlers can call it.
    pub fn raise(&self) {
        // It can fail only when 2^64 - 2 are waiting to be cleared: raised all the same.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Lets calls wait again.
    pub fn clear(&self) {
        // It fails when there is nothing to clear.
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }

    /// Whether calls that would wait return.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        let mut fds = [PollFd::new(&*self.0, PollFlags::IN)];
        matches!(rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1))
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_raised_until_it_is_cleared() {
        let interrupt = Interrupt::new().unwrap();
        assert!(!interrupt.is_raised());
        interrupt.clone().raise();
        interrupt.raise();
        assert!(interrupt.is_raised());
        assert!(interrupt.is_raised());
        interrupt.clear();
        assert!(!interrupt.is_raised());
    }
}
