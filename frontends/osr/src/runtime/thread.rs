//! The thread that an instance belongs to, and how others get at it.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Once};

use midstride_os::signal::SIGURG;
use midstride_os::thread::{getpid, gettid, tgkill};

use super::layout::VmHeader;

/// A thread's number, as the system knows it; 0 when it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Home(Arc<AtomicI32>);

/// This thread's, which says at its end that it has ended.
struct Here(Home);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Release);
    }
}

thread_local! {
    static HERE: Here = Here(Home(Arc::new(AtomicI32::new(gettid()))));
    /// The context of the code that was entered last and has not been left. Handlers look at it.
    static ENTERED: Cell<*const VmHeader> = const { Cell::new(ptr::null()) };
}

/// In the child of a fork this thread has another number.
extern "C" fn renumber() {
    // A thread that is ending has nobody who asks for it.
    let _ = HERE.try_with(|here| here.0.0.store(gettid(), Ordering::Release));
}

impl Home {
    /// This thread, which is ready to be stepped from now on.
    pub(crate) fn here() -> Self {
        static FORKS: Once = Once::new();
        FORKS.call_once(|| {
            // SAFETY: the handler has the right type; it makes a system call and stores a number.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(renumber)) };
        });
        // Memory for it is there when a handler wants it.
        ENTERED.get();
        HERE.with(|here| here.0.clone())
    }

    /// Whether the caller is this thread.
    pub(crate) fn is_here(&self) -> bool {
        self.0.load(Ordering::Acquire) == gettid()
    }

    /// Sends it SIGURG. No lock keeps the number from being another thread's by the time it is used, so that
    /// signal handlers and children of fork can come here too: that thread finds nothing to do.
    pub(crate) fn signal(&self) {
        match self.0.load(Ordering::Acquire) {
            0 => {}
            // A thread that has ended needs no signal.
            tid => drop(tgkill(getpid(), tid, SIGURG)),
        }
    }
}

/// Code is entered, while it lasts.
#[derive(Debug)]
pub(crate) struct Inside(*const VmHeader);

impl Inside {
    /// Into the code of this context, which stays alive meanwhile.
    pub(crate) fn new(context: *const VmHeader) -> Self {
        Self(ENTERED.replace(context))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        ENTERED.set(self.0);
    }
}

/// Whether this thread is in compiled code, or in a signal handler that has interrupted it there.
pub(crate) fn is_inside() -> bool {
    let context = ENTERED.get();
    // SAFETY: a context that is not null is alive while its code is entered.
    !context.is_null() && unsafe { (*context).inside.load(Ordering::Relaxed) } != 0
}
