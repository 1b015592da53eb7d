//! Signals wait while a process that shares another one's memory is in the engine.
//!
//! Such a process (a vfork child above all) can die of a signal alone, and what it was about to do to the cache is the
//! others' too. Threads need no shield: their process dies with them. Against SIGKILL there is none.

use core::sync::atomic::Ordering;

use midstride_os::signal::{MaskHow, SIGBUS, SIGSEGV, SigSet, rt_sigprocmask};

use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::policy::{Birth, Domain, Policy};

/// All but those of guarded copies.
const BLOCKED: SigSet = SigSet::ALL.without(SIGSEGV).without(SIGBUS);

impl ThreadContext {
    /// The program's mask, when the engine's was in force until now: whoever asks sets it, not the shield.
    pub(crate) fn take_shielded_mask(&mut self) -> Option<SigSet> {
        self.shield.take().map(SigSet::from_bits)
    }
}

impl<P: Policy> Engine<P> {
    /// Does the engine's work for a thread.
    pub(crate) fn shielded(
        &self,
        cx: &mut ThreadContext,
        work: impl FnOnce(&mut ThreadContext) -> u32,
    ) -> u32 {
        // While a signal waits in the context all others are blocked.
        let waits = cx.has_pending.load(Ordering::Relaxed) != 0;
        let alone = P::DOMAIN == Domain::Process && cx.birth == Birth::Borrower as u64;
        if !alone || waits || self.signals.leaves_faults() {
            return work(cx);
        }
        cx.shield = rt_sigprocmask(MaskHow::Block, Some(BLOCKED)).ok().map(SigSet::bits);
        let answer = work(cx);
        if let Some(mask) = cx.take_shielded_mask() {
            let _ = rt_sigprocmask(MaskHow::Set, Some(mask));
        }
        answer
    }
}
