//! Which threads still have their contexts.
//!
//! A thread of this process says when it ends. A process that shares the memory (clone(2) with `CLONE_VM` alone, vfork(2))
//! may be killed anywhere, and leaves the memory by an exec without a word.

use core::sync::atomic::Ordering;

use midstride_os::{Errno, thread};

use crate::context::{ThreadContext, usage};
use crate::engine::{Engine, Shared};
use crate::policy::Policy;

impl ThreadContext {
    /// Its owner is the calling thread from now on.
    pub(crate) fn take(&self) {
        self.tid.store(thread::gettid() as u32, Ordering::Relaxed);
        self.pid.store(thread::getpid() as u32, Ordering::Release);
    }

    /// Nobody has begun to use it yet.
    pub(crate) fn expect_owner(&self) {
        self.pid.store(0, Ordering::Relaxed);
    }

    /// Whether it belongs to a thread whose table of actions is this one.
    pub(crate) fn uses_table(&self, table: u64) -> bool {
        self.in_use.load(Ordering::Acquire) != usage::FREE && self.sighand == table
    }

    /// Whether its thread is one of process `pid` that waits for an exec or is in it.
    pub(crate) fn is_about_to_exec(&self, pid: u32) -> bool {
        self.execs.load(Ordering::Acquire) == pid && self.in_use.load(Ordering::Acquire) == usage::RUNNING
    }

    /// Whether the thread it is given to cannot use it any more.
    fn is_abandoned(&self, me: i32) -> bool {
        let pid = self.pid.load(Ordering::Acquire) as i32;
        let tid = self.tid.load(Ordering::Relaxed) as i32;
        match self.in_use.load(Ordering::Acquire) {
            usage::FREE => false,
            usage::ENDING if pid == 0 || pid == me => thread::tgkill(me, tid, 0) == Err(Errno::ESRCH),
            _ if pid == 0 || pid == me => false,
            _ => thread::tgkill(pid, tid, 0) == Err(Errno::ESRCH) || !thread::share_memory(me, pid),
        }
    }
}

impl<P: Policy> Engine<P> {
    /// Frees the contexts of threads that are gone.
    pub(crate) fn bury(&self, shared: &Shared) {
        let me = thread::getpid();
        for each in shared.contexts.iter().filter(|each| each.shared().is_abandoned(me)) {
            each.shared().in_use.store(usage::FREE, Ordering::Release);
        }
    }
}
