//! Calling a thread that waits for its child.

use core::sync::atomic::{AtomicBool, Ordering};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use midstride_os::process::pidfd_send_signal;
use midstride_os::signal::SIGSTOP;

use crate::machine::Call;

/// How other threads call the one that waits for a child: they stop the child, by a signal that no program
/// can block.
#[derive(Default)]
pub(crate) struct ProcessCall {
    child: Mutex<Option<Arc<OwnedFd>>>,
    called: AtomicBool,
    /// Whether it takes a signal to be heard.
    deaf: AtomicBool,
}

impl ProcessCall {
    /// The child to stop from now on.
    pub(crate) fn connect(&self, child: Option<Arc<OwnedFd>>) {
        *self.lock() = child;
    }

    pub(crate) fn is_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }

    /// From now on a call stops the child.
    pub(crate) fn deafen(&self) {
        // ORDERING: either the caller sees this and sends a signal, or its flag is seen by whoever looks at
        // `is_called` behind this. Both need a store before a load: SeqCst.
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// From now on a call is only noted.
    pub(crate) fn listen(&self) {
        self.deaf.store(false, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<OwnedFd>>> {
        // One word is whole at any time.
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call for ProcessCall {
    fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        if self.deaf.load(Ordering::SeqCst)
            && let Some(child) = self.lock().as_ref()
        {
            // A child that has ended is heard of anyway.
            let _ = pidfd_send_signal(child.as_raw_fd(), SIGSTOP);
        }
    }

    fn answered(&self) {
        self.called.store(false, Ordering::SeqCst);
    }
}
