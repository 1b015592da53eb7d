//! Exec and exit.

use core::sync::atomic::Ordering;

use super::{After, Verdict};
use crate::context::{ThreadContext, usage};
use crate::engine::Engine;
use crate::policy::{Domain, Ending, Exec, Policy};
use crate::signal::wrap;

impl<P: Policy> Engine<P> {
    pub(super) fn exec(&self, cx: &mut ThreadContext) -> Verdict {
        self.policy.statistics(self.lock().cache.stats());
        let Exec::Go { ticket } = self.policy.before_exec(cx);
        self.signals.leave_to_kernel(cx.sighand);
        Verdict::CallThen(After::Exec { ticket })
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
