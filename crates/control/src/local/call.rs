//! Calling a thread that runs a program.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use midstride_os::thread::{getpid, gettid, tgkill};

use super::frame::FrameRef;
use super::handler::CALL_SIGNAL;
use crate::machine::Call;

/// How other threads call the one that runs a program.
pub(crate) struct LocalCall {
    target: Mutex<Option<Target>>,
    /// Whether it takes a signal to be heard.
    deaf: AtomicBool,
}

#[derive(Clone, Copy)]
struct Target {
    frame: FrameRef,
    tid: i32,
}

impl LocalCall {
    /// For the calling thread.
    pub(crate) fn new(frame: FrameRef) -> Self {
        let target = Target { frame, tid: gettid() };
        Self { target: Mutex::new(Some(target)), deaf: AtomicBool::new(false) }
    }

    /// From now on calls go nowhere: neither the frame nor the handlers need to be there any more.
    pub(crate) fn disconnect(&self) {
        *self.lock() = None;
    }

    /// Runs `blocking`, during which only a signal is heard. On the way through the native door no call is missed.
    pub(crate) fn deafened<R>(&self, blocking: impl FnOnce() -> R) -> R {
        // ORDERING: either the caller sees this and sends a signal, or its flag is seen by `blocking`, whose
        // first look comes after it. Both need a store before a load: SeqCst.
        self.deaf.store(true, Ordering::SeqCst);
        let result = blocking();
        self.deaf.store(false, Ordering::SeqCst);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Option<Target>> {
        // One word is whole at any time.
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call for LocalCall {
    fn call(&self) {
        let target = self.lock();
        let Some(target) = target.as_ref() else { return };
        target.frame.called().store(1, Ordering::SeqCst);
        if self.deaf.load(Ordering::SeqCst) {
            // It can only fail for want of memory for a realtime signal; the order then waits for the
            // program to stop by itself, or for the next call.
            let _ = tgkill(getpid(), target.tid, CALL_SIGNAL);
        }
    }

    fn answered(&self) {
        if let Some(target) = self.lock().as_ref() {
            target.frame.called().store(0, Ordering::SeqCst);
        }
    }
}
