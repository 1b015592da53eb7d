//! Back from a signal handler of the program's, with its mask, unless another signal waits.
//!
//! Between a look whether a signal waits and the return no signal may come: it would wait with others let
//! through. No system call is needed for that: the few instructions between are begun again by [`restart`].
#![allow(unsafe_code, reason = "returns through a frame of our own")]

use core::arch::naked_asm;
use core::mem::offset_of;

use midstride_os::signal::{SigSet, SignalFrame};

use super::deliver::keep_xstate;
use crate::context::ThreadContext;

/// rt_sigreturn(2) with `frame`. While a signal waits in the context all others stay blocked, and the frame's mask
/// is kept for its delivery.
///
/// # Safety
/// The frame continues somewhere sound, which needs nothing of the stack below the frame; the context is the
/// thread's.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn return_through(frame: *mut SignalFrame, cx: *mut ThreadContext) -> ! {
    // The kernel expects the stack pointer behind the restorer's address.
    naked_asm!(
        "lea rsp, [rdi + 8]",
        "cmp dword ptr [rsi + {waits}], 0",
        "jne 2f",
        "mov eax, 15",
        "syscall",
        "2: and rsp, -16",
        "call {held_back}",
        waits = const offset_of!(ThreadContext, has_pending),
        held_back = sym held_back,
    )
}

/// Bytes of the `lea`: then comes the look.
const LOOK_AT: u64 = 4;
/// Bytes up to the `syscall`.
const CALL_AT: u64 = LOOK_AT + 7 + 2 + 5;

/// Where to go on after a signal at `pc` that will wait, when that is behind the look and before the call.
pub(super) fn restart(pc: u64) -> Option<u64> {
    let start = return_through as *const () as u64;
    (start + LOOK_AT..=start + CALL_AT).contains(&pc).then_some(start + LOOK_AT)
}

/// Called by [`return_through`] while a signal waits; since it came all are blocked.
unsafe extern "C" fn held_back(frame: *mut SignalFrame, cx: *mut ThreadContext) -> ! {
    // SAFETY: `return_through` passes what its caller gave it, above the stack in use now.
    let (frame, cx) = unsafe { (&mut *frame, &mut *cx) };
    cx.held_mask = frame.ucontext.sigmask;
    frame.ucontext.sigmask = SigSet::ALL.bits();
    keep_xstate(cx, frame.ucontext.mcontext.fpstate);
    // SAFETY: as above; the frame is still whole.
    unsafe { return_at_once(frame) }
}

#[unsafe(naked)]
unsafe extern "C" fn return_at_once(frame: *mut SignalFrame) -> ! {
    naked_asm!("lea rsp, [rdi + 8]", "mov eax, 15", "syscall", "ud2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_up_to_the_call_begins_the_look_again() {
        let start = return_through as *const () as u64;
        let code = core::ptr::with_exposed_provenance::<[u8; 20]>(start as usize);
        // SAFETY: the function is longer.
        let code = unsafe { code.read() };
        let (look, call) = (LOOK_AT as usize, CALL_AT as usize);
        assert_eq!(code[look..look + 2], [0x83, 0xbe], "cmp dword ptr [rsi + disp32], imm8");
        assert_eq!(code[call..], [0x0f, 0x05], "syscall");
        assert_eq!(restart(start + CALL_AT), Some(start + LOOK_AT));
        assert_eq!(restart(start + CALL_AT + 2), None, "the call was made");
        assert_eq!(restart(start), None);
    }
}
