//! System calls about signals.
#![allow(unsafe_code, reason = "sets the kernel's alternate stack")]

use midstride_asm::Gpr;
use midstride_os::Errno;
use midstride_os::signal::{
    KernelSigaction, SIGKILL, SIGSEGV, SIGSTOP, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, SignalStack, UContext,
    sigaltstack,
};

use super::deliver::forced;
use super::{NO_STACK, Step};
use crate::context::{AppState, ThreadContext};
use crate::engine::Engine;
use crate::memory::{read_value, write_value};
use crate::policy::Policy;
use crate::syscall::{Verdict, argument};

/// The smallest alternate stack the kernel takes.
const MINSIGSTKSZ: u64 = 2048;

fn errno(result: Result<(), Errno>) -> Verdict {
    Verdict::Answer(result.map_or_else(Errno::raw, |()| 0))
}

impl<P: Policy> Engine<P> {
    pub(crate) fn rt_sigaction(&self, cx: &mut ThreadContext) -> Verdict {
        errno(self.change_action(cx))
    }

    fn change_action(&self, cx: &ThreadContext) -> Result<(), Errno> {
        let signal = argument(cx, 0) as i32;
        let [new, old] = [argument(cx, 1), argument(cx, 2)];
        let forbidden = new != 0 && (signal == SIGKILL || signal == SIGSTOP);
        if !(1..=64).contains(&signal) || forbidden || argument(cx, 3) != 8 {
            return Err(Errno::EINVAL);
        }
        let was = self.signals.action(cx.sighand, signal);
        if new != 0 {
            let action: KernelSigaction = read_value(new)?;
            let mask = action.mask.without(SIGKILL).without(SIGSTOP);
            self.signals.change(cx.sighand, signal, KernelSigaction { mask, ..action })?;
        }
        if old != 0 { write_value(old, &was) } else { Ok(()) }
    }

    pub(crate) fn sigaltstack(&self, cx: &mut ThreadContext) -> Verdict {
        errno(change_stack(cx))
    }

    /// The program returns from a handler: the state is in the frame at its stack pointer.
    pub(crate) fn rt_sigreturn(&self, cx: &mut ThreadContext) -> Verdict {
        // The handler's return took the restorer's address off.
        let frame = cx.state.get(Gpr::Rsp).wrapping_sub(8);
        let Ok(uc) = read_value::<UContext>(frame.wrapping_add(8)) else {
            self.die_of(&forced(SIGSEGV));
            return Verdict::Elsewhere;
        };
        cx.state = state_of(&uc);
        cx.step = Step::begin(&cx.state);
        cx.altstack = [uc.stack.sp, u64::from(uc.stack.flags), uc.stack.size];
        self.kernel_return(cx, uc.sigmask, uc.mcontext.fpstate, uc.flags)
    }
}

fn change_stack(cx: &mut ThreadContext) -> Result<(), Errno> {
    let [new, old] = [argument(cx, 0), argument(cx, 1)];
    let was = described(cx);
    if new != 0 {
        let wanted: SignalStack = read_value(new)?;
        if was.flags & SS_ONSTACK != 0 {
            return Err(Errno::EPERM);
        }
        cx.altstack = match wanted.flags & !SS_AUTODISARM {
            SS_DISABLE => NO_STACK,
            0 | SS_ONSTACK if wanted.size < MINSIGSTKSZ => return Err(Errno::ENOMEM),
            0 | SS_ONSTACK => [wanted.sp, u64::from(wanted.flags), wanted.size],
            _ => return Err(Errno::EINVAL),
        };
    }
    if old != 0 { write_value(old, &was) } else { Ok(()) }
}

/// The program's alternate stack as sigaltstack(2) describes it.
fn described(cx: &ThreadContext) -> SignalStack {
    let [sp, flags, size] = cx.altstack;
    let state = match size {
        0 => SS_DISABLE,
        _ if is_on_stack(cx, cx.state.get(Gpr::Rsp)) => SS_ONSTACK,
        _ => 0,
    };
    SignalStack { sp, flags: state | flags as u32 & SS_AUTODISARM, pad: 0, size }
}

/// Whether `rsp` lies on the program's alternate stack. One that disarms itself is never "on".
pub(super) fn is_on_stack(cx: &ThreadContext, rsp: u64) -> bool {
    let [sp, flags, size] = cx.altstack;
    flags & u64::from(SS_DISABLE | SS_AUTODISARM) == 0 && rsp > sp && rsp - sp <= size
}

/// The registers of a frame.
pub(super) fn state_of(uc: &UContext) -> AppState {
    let m = &uc.mcontext;
    AppState {
        gprs: [
            m.rax, m.rcx, m.rdx, m.rbx, m.rsp, m.rbp, m.rsi, m.rdi, m.r8, m.r9, m.r10, m.r11, m.r12, m.r13,
            m.r14, m.r15,
        ],
        rflags: m.rflags,
        pc: m.rip,
    }
}

/// Puts registers into a frame.
pub(super) fn put_state(uc: &mut UContext, state: &AppState) {
    let m = &mut uc.mcontext;
    [
        m.rax, m.rcx, m.rdx, m.rbx, m.rsp, m.rbp, m.rsi, m.rdi, m.r8, m.r9, m.r10, m.r11, m.r12, m.r13,
        m.r14, m.r15,
    ] = state.gprs;
    m.rflags = state.rflags;
    m.rip = state.pc;
}

/// Gives the running thread its stack for our handler.
pub(crate) fn install_stack(cx: &ThreadContext) {
    let [start, end] = cx.signal_stack;
    let stack = SignalStack { sp: start, flags: 0, pad: 0, size: end - start };
    // SAFETY: the memory was mapped for this context and is used for nothing else.
    if let Err(error) = unsafe { sigaltstack(Some(&stack)) } {
        crate::fatal::fail(format_args!("cannot set the signal stack: {error}"));
    }
}
