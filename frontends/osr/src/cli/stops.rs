//! Who makes a running program stop, and why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use midstride_os::signal::{MaskHow, SIGQUIT, SigSet, rt_sigprocmask};
use midstride_osr::FreezeHandle;
use signal_hook::iterator::Signals;

/// Whether the next stop is the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stops {
    last: Arc<AtomicBool>,
}

impl Stops {
    /// Whether the program shall end when it has stopped.
    pub(crate) fn is_last(&self) -> bool {
        self.last.load(Ordering::Acquire)
    }

    /// The program goes on.
    pub(crate) fn again(&self) {
        self.last.store(false, Ordering::Release);
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

    /// Stops for good at Ctrl-\, also when whoever started us has the signal blocked or ignored.
    pub(crate) fn on_quit(&self, handle: FreezeHandle) -> Result<()> {
        let stops = self.clone();
        let mut signals = Signals::new([SIGQUIT])?;
        rt_sigprocmask(MaskHow::Unblock, Some(SigSet::EMPTY.with(SIGQUIT)))?;
        thread::spawn(move || signals.forever().for_each(|_| stops.stop_for_good(&handle)));
        Ok(())
    }

    /// Stops again and again.
    pub(crate) fn every(&self, time: Duration, handle: FreezeHandle) {
        thread::spawn(move || {
            loop {
                thread::sleep(time);
                handle.freeze();
            }
        });
    }
}
