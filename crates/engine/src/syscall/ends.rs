//! Exec and exit.

use core::sync::atomic::Ordering;

use midstride_os::signal::{MaskHow, SigSet, rt_sigprocmask};

use super::{After, Verdict};
use crate::context::{ThreadContext, usage};
use crate::engine::Engine;
use crate::policy::{Ending, Exec, Policy};

impl<P: Policy> Engine<P> {
    pub(super) fn exec(&self, cx: &mut ThreadContext) -> Verdict {
        self.policy.statistics(self.lock().cache.stats());
        let Exec::Go { ticket } = self.policy.before_exec(cx);
        self.signals.leave_to_kernel(cx.sighand);
        Verdict::CallThen(After::Exec { ticket })
    }

    pub(super) fn exit_thread(&self, cx: &mut ThreadContext) -> Verdict {
        let _ = rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL));
        if cx.has_pending.load(Ordering::Relaxed) != 0 {
            // It came before signals were blocked: it goes first, then the call is made again.
            return Verdict::Elsewhere;
        }
        let _shared = self.lock();
        self.policy.exiting(cx, Ending::Thread);
        cx.in_use.store(usage::ENDING, Ordering::Release);
        Verdict::CallThen(After::Nothing)
    }

    pub(super) fn exit_process(&self, cx: &mut ThreadContext) -> Verdict {
        let shared = self.lock();
        self.policy.statistics(shared.cache.stats());
        self.policy.exiting(cx, Ending::Process);
        Verdict::CallThen(After::Nothing)
    }
}
