//! Calls about segments and restartable sequences.
#![allow(unsafe_code, reason = "writes an answer to the program's memory")]

use midstride_os::Errno;

use super::{Verdict, argument};
use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::memory::write_app;
use crate::policy::{Domain, Policy};

const ARCH_SET_GS: u64 = 0x1001;
const ARCH_GET_GS: u64 = 0x1004;

impl<P: Policy> Engine<P> {
    /// GS is the engine's. A program may set it to 0; any other use is refused aloud, since its
    /// operands would read our slots. A thread that is only followed for a while is told so.
    pub(super) fn arch_prctl(&self, cx: &mut ThreadContext) -> Verdict {
        match argument(cx, 0) {
            ARCH_SET_GS if argument(cx, 1) == 0 => Verdict::Answer(0),
            ARCH_SET_GS if P::DOMAIN == Domain::Threads => Verdict::Answer(Errno::EPERM.raw()),
            ARCH_SET_GS => crate::fatal::fail(format_args!(
                "the program sets its GS base to {:#x}; programs that use GS are not supported",
                argument(cx, 1)
            )),
            ARCH_GET_GS => match write_app(argument(cx, 1), &cx.app_gs.to_le_bytes()) {
                Ok(()) => Verdict::Answer(0),
                Err(error) => Verdict::Answer(error.raw()),
            },
            _ => Verdict::Call,
        }
    }

    /// The program is about to install a filter, which would hold for our calls too.
    pub(super) fn seccomp(&self, cx: &mut ThreadContext) -> Verdict {
        const SECCOMP_GET_ACTION_AVAIL: u64 = 2;
        if argument(cx, 0) < SECCOMP_GET_ACTION_AVAIL {
            self.do_without_calls();
        }
        Verdict::Call
    }

    /// Likewise by prctl.
    pub(super) fn prctl(&self, cx: &mut ThreadContext) -> Verdict {
        const PR_SET_SECCOMP: u64 = 22;
        if argument(cx, 0) == PR_SET_SECCOMP {
            self.do_without_calls();
        }
        Verdict::Call
    }

    /// Takes what the engine may need from the kernel now.
    fn do_without_calls(&self) {
        const RESERVE: usize = 64 << 20;
        let mut shared = self.lock();
        self.heap.0.keep_reserve(RESERVE);
        self.heap.0.seal();
        shared.cache.seal();
    }

    /// The kernel compares instruction pointers with the critical sections it is told of; ours never
    /// match. Programs must and do cope with a kernel that has no rseq.
    pub(super) fn rseq(&self, _: &mut ThreadContext) -> Verdict {
        Verdict::Answer(Errno::ENOSYS.raw())
    }
}
