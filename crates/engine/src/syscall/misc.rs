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
            ARCH_SET_GS => crate::fatal::gs_is_used(argument(cx, 1)),
            ARCH_GET_GS => match write_app(argument(cx, 1), &cx.app_gs.to_le_bytes()) {
                Ok(()) => Verdict::Answer(0),
                Err(error) => Verdict::Answer(error.raw()),
            },
            _ => Verdict::Call,
        }
    }

    /// The kernel compares instruction pointers with the critical sections it is told of; ours never
    /// match. Programs must and do cope with a kernel that has no rseq.
    pub(super) fn rseq(&self, _: &mut ThreadContext) -> Verdict {
        Verdict::Answer(Errno::ENOSYS.raw())
    }
}
