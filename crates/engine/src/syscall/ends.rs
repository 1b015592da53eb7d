//! Exec and exit.

use core::sync::atomic::Ordering;

use midstride_os::thread;

use super::{After, Verdict};
use crate::context::{ThreadContext, usage};
use crate::engine::Engine;
use crate::policy::{Domain, Ending, Exec, Policy};
use crate::signal::wrap;

impl<P: Policy> Engine<P> {
    pub(super) fn exec(&self, cx: &mut ThreadContext) -> Verdict {
        self.wait_for_turn_to_exec(cx);
        self.policy.statistics(self.lock().cache.stats());
        let Exec::Go { ticket } = self.policy.before_exec(cx);
        self.signals.leave_to_kernel(cx.sighand);
        Verdict::CallThen(After::Exec { ticket })
    }

    /// Whoever follows an exec may wait for the process's other threads to end, so one thread does it at a
    /// time. The kernel lets them wait for each other too, later.
    fn wait_for_turn_to_exec(&self, cx: &ThreadContext) {
        let me = thread::getpid() as u32;
        // It does not come to the cache any more before it asks for its way again.
        cx.epoch.store(u64::MAX, Ordering::SeqCst);
        loop {
            let shared = self.lock();
            if !shared.contexts.iter().any(|other| other.shared().is_about_to_exec(me)) {
                return cx.execs.store(me, Ordering::Relaxed);
            }
            drop(shared);
            self.nap();
        }
    }

    /// The exec failed, or is begun again.
    pub(super) fn after_exec(&self, cx: &ThreadContext, ticket: u32) {
        self.signals.take_back(cx.sighand);
        self.policy.exec_failed(cx, ticket);
        cx.execs.store(0, Ordering::Release);
    }

    pub(super) fn exit_thread(&self, cx: &mut ThreadContext) -> Verdict {
        let _shared = self.lock();
        self.policy.exiting(cx, Ending::Thread);
        cx.in_use.store(usage::ENDING, Ordering::Release);
        if P::DOMAIN == Domain::Threads {
            wrap::part();
        }
        Verdict::CallThen(After::Nothing)
    }

    /// A signal came before the thread ended, or a filter of the program's refused the call.
    pub(super) fn live_on(cx: &ThreadContext) {
        if cx.in_use.load(Ordering::Relaxed) == usage::ENDING {
            cx.in_use.store(usage::RUNNING, Ordering::Release);
        }
    }

    pub(super) fn exit_process(&self, cx: &mut ThreadContext) -> Verdict {
        let shared = self.lock();
        self.policy.statistics(shared.cache.stats());
        self.policy.exiting(cx, Ending::Process);
        Verdict::CallThen(After::Nothing)
    }
}
