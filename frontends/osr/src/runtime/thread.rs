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

impl Here {
    fn new() -> Self {
        TIMER.set(timer());
        Self(Home(Arc::new(AtomicI32::new(gettid()))))
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Release);
        if let Some(timer) = TIMER.take() {
            // SAFETY: it was made by `timer`, and nobody has it any more.
            unsafe { libc::timer_delete(timer) };
        }
    }
}

/// A timer that signals this thread, if the system has one. The first one is the null pointer.
fn timer() -> Option<libc::timer_t> {
    let mut timer = ptr::null_mut();
    // SAFETY: zeros are a value of this structure.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = SIGURG;
    event.sigev_notify_thread_id = gettid();
    // SAFETY: reads one structure and writes one word.
    let failed = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    (failed == 0).then_some(timer)
}

/// Nanoseconds after which a thread is signalled again: a hundred thousand instructions.
const SOON: i64 = 50_000;

/// Signals this thread soon; false when it cannot. For handlers.
pub(crate) fn signal_soon() -> bool {
    let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let soon = libc::itimerspec { it_interval: never, it_value: libc::timespec { tv_nsec: SOON, ..never } };
    // SAFETY: a timer of this thread's; reads one structure. Signal handlers may call it.
    let set = |timer| unsafe { libc::timer_settime(timer, 0, &raw const soon, ptr::null_mut()) };
    TIMER.get().is_some_and(|timer| set(timer) == 0)
}

thread_local! {
    static HERE: Here = Here::new();
    /// What signals this thread again.
    static TIMER: Cell<Option<libc::timer_t>> = const { Cell::new(None) };
    /// The context of the code that was entered last and has not been left. Handlers look at it.
    static ENTERED: Cell<*const VmHeader> = const { Cell::new(ptr::null()) };
}

/// In the child of a fork this thread has another number, and no timers.
extern "C" fn renumber() {
    TIMER.set(None);
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

/// Whether somebody wants the code that was entered last to stop.
pub(crate) fn is_asked() -> bool {
    let context = ENTERED.get();
    // SAFETY: a context that is not null is alive while its code is entered.
    !context.is_null() && unsafe { (*context).limit.load(Ordering::Acquire) } == u64::MAX
}

/// Whether that code's polls are counted, so that it must not come to one unseen.
pub(crate) fn is_counted() -> bool {
    let context = ENTERED.get();
    // SAFETY: as above.
    !context.is_null() && unsafe { (*context).countdown.load(Ordering::Acquire) } != 0
}

/// Whether this thread is in compiled code, or in a signal handler that has interrupted it there.
pub(crate) fn is_inside() -> bool {
    let context = ENTERED.get();
    // SAFETY: a context that is not null is alive while its code is entered.
    !context.is_null() && unsafe { (*context).inside.load(Ordering::Relaxed) } != 0
}
