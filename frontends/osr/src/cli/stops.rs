//! Who makes a running program stop, and why.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use midstride_os::signal::{MaskHow, SIGQUIT, SigSet, rt_sigprocmask};
use midstride_osr::FreezeHandle;
use signal_hook::iterator::Signals;

/// Ctrl-\, which does not end this process any more.
#[derive(Debug)]
pub(crate) struct Quit(Signals);

impl Quit {
    /// From now on it is noted, also when whoever started us has the signal blocked or ignored.
    pub(crate) fn noted() -> Result<Self> {
        let signals = Signals::new([SIGQUIT])?;
        rt_sigprocmask(MaskHow::Unblock, Some(SigSet::EMPTY.with(SIGQUIT)))?;
        Ok(Self(signals))
    }
}

/// Whether the next stop is the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stops {
    last: Arc<AtomicBool>,
    resumed: Arc<Resumed>,
}

/// How often the program has gone on.
#[derive(Debug, Default)]
struct Resumed {
    times: Mutex<u64>,
    changed: Condvar,
}

impl Resumed {
    fn times(&self) -> MutexGuard<'_, u64> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_more_than(&self, times: u64) {
        drop(self.changed.wait_while(self.times(), |now| *now <= times));
    }
}

impl Stops {
    /// Whether the program shall end when it has stopped.
    pub(crate) fn is_last(&self) -> bool {
        self.last.load(Ordering::Acquire)
    }

    /// The program goes on.
    pub(crate) fn again(&self) {
        self.last.store(false, Ordering::Release);
        *self.resumed.times() += 1;
        self.resumed.changed.notify_all();
    }

    fn stop_for_good(&self, handle: &FreezeHandle) {
        self.last.store(true, Ordering::Release);
        handle.freeze();
    }

    /// Stops for good after a while.
    pub(crate) fn after(&self, time: Duration, handle: FreezeHandle) {
        let stops = self.clone();
        thread::spawn(move || {
            thread::sleep(time);
            stops.stop_for_good(&handle);
        });
    }

    /// Stops for good at Ctrl-\, at once if it was pressed already.
    pub(crate) fn on_quit(&self, mut quit: Quit, handle: FreezeHandle) {
        quit.0.pending().for_each(|_| self.stop_for_good(&handle));
        let stops = self.clone();
        thread::spawn(move || quit.0.forever().for_each(|_| stops.stop_for_good(&handle)));
    }

    /// Stops again and again, so long after it has gone on: where saving takes longer than that, a program
    /// that was stopped again at once would never get anywhere.
    pub(crate) fn every(&self, time: Duration, handle: FreezeHandle) {
        let resumed = self.resumed.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(time);
                let times = *resumed.times();
                handle.freeze();
                resumed.wait_for_more_than(times);
            }
        });
    }
}
