//! Ends runs that do not end by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use midstride_control::Stopper;
use midstride_os::thread::gettid;
use midstride_os::time::{Timespec, thread_cpu_time};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Processor time of one and the same run before it is stopped; on a busy machine it takes much longer.
const PATIENCE: u64 = 100_000_000;
/// The watch is over.
const OVER: u64 = u64::MAX;

/// A thread that looks from time to time at which run is under way.
pub(crate) struct Watch {
    /// Odd while a run is under way.
    runs: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn new(stopper: Stopper) -> Self {
        let runs = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&runs);
        let tid = gettid();
        let thread = thread::spawn(move || watch(&seen, &stopper, tid));
        Self { runs, thread: Some(thread) }
    }

    pub(crate) fn begin(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }
}

fn watch(runs: &AtomicU64, stopper: &Stopper, tid: i32) {
    let (mut last, mut since) = (0, 0);
    loop {
        thread::park_timeout(LOOK);
        let now = runs.load(Ordering::Relaxed);
        if now == OVER {
            return;
        }
        // A thread that has ended runs nothing.
        let time = thread_cpu_time(tid).map_or(0, Timespec::as_nanos);
        if now != last || now.is_multiple_of(2) {
            (last, since) = (now, time);
        } else if time.saturating_sub(since) > PATIENCE {
            stopper.stop();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.runs.store(OVER, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends at its next look; what it did before does not matter.
            let _ = thread.join();
        }
    }
}
