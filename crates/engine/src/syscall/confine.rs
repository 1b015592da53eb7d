//! The program forbids system calls, for itself and so for us.
//!
//! A filter kills for a call that the program never makes, and strict mode for all but four. From then on the
//! engine makes no call that it can do without: what it needs it has taken before; pages are not protected
//! any more, blocks look for themselves; the faults of a program that does not handle them are the kernel's.
//! Calls that the program asks for (a fork, a new thread, an exec) still take others of ours.

use super::{After, Verdict, argument};
use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::policy::Policy;

/// Which calls are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Left {
    /// Those that a filter of the program's lets through.
    Filtered,
    /// read, write, exit and rt_sigreturn.
    Strict,
}

/// By number as seccomp(2) counts; prctl(2) counts from 1.
const MODES: [Left; 2] = [Left::Strict, Left::Filtered];

/// Memory kept for tables, to go on with.
const RESERVE: usize = 64 << 20;

impl<P: Policy> Engine<P> {
    pub(super) fn seccomp(&self, cx: &mut ThreadContext) -> Verdict {
        self.confine_by(cx, argument(cx, 0))
    }

    pub(super) fn prctl(&self, cx: &mut ThreadContext) -> Verdict {
        const PR_SET_SECCOMP: u64 = 22;
        const PR_SET_SYSCALL_USER_DISPATCH: u64 = 59;
        match argument(cx, 0) {
            PR_SET_SYSCALL_USER_DISPATCH => self.set_user_dispatch(cx),
            PR_SET_SECCOMP => self.confine_by(cx, argument(cx, 1).wrapping_sub(1)),
            _ => Verdict::Call,
        }
    }

    fn confine_by(&self, cx: &ThreadContext, mode: u64) -> Verdict {
        let Some(&left) = MODES.get(mode as usize) else { return Verdict::Call };
        if left == Left::Strict {
            self.stay_awake();
        }
        if self.signals.leaves_faults() {
            return Verdict::Call;
        }
        let mut shared = self.lock();
        self.heap.0.seal(RESERVE);
        shared.cache.seal();
        Self::open_all(&mut shared);
        shared.watch.protect_no_more();
        self.signals.leave_faults(cx.sighand);
        Verdict::CallThen(After::Confine)
    }

    /// The kernel refused: faults are ours again.
    pub(super) fn unconfine(&self, cx: &ThreadContext) {
        self.signals.claim_faults(cx.sighand);
    }
}
