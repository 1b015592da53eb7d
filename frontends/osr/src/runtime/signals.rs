//! Faults of compiled code become traps, and whoever wants it to stop has it stepped.
//!
//! The handler of faults copies the registers into the context and makes the thread go on at the exit: it
//! returns to whoever entered compiled code, and the frames stay on their stack to be looked at. Signals that
//! are about something else go to whoever handled them before.

use std::mem::offset_of;
use std::sync::{Once, OnceLock};

use midstride_os::signal::{
    KernelSigaction, MaskHow, SA_ONSTACK, SA_RESTART, SA_RESTORER, SA_SIGINFO, SIG_DFL, SIG_IGN, SIGBUS,
    SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGURG, SigInfo, SigSet, UContext, rt_sigaction, rt_sigprocmask,
    rt_sigreturn,
};
use midstride_os::thread::{getpid, gettid, tgkill};

use super::code;
use super::layout::{TrapState, VmHeader};
use super::stepping::{self, Signal};

/// What an entry answers when compiled code faulted.
pub(crate) const STATUS_FAULT: u64 = 1;
/// What an entry answers when the runtime ended it.
pub(crate) const STATUS_TRAP: u64 = 2;

/// What is handled, and how besides as all are.
const SIGNALS: [(i32, u64); 6] =
    [(SIGSEGV, 0), (SIGBUS, 0), (SIGFPE, 0), (SIGILL, 0), (SIGTRAP, 0), (SIGURG, SA_RESTART)];

/// Who handled each signal before.
static BEFORE: OnceLock<[KernelSigaction; SIGNALS.len()]> = OnceLock::new();

/// Installs the handlers, once in a process.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: only asks.
        let asked = SIGNALS.map(|(signal, _)| unsafe { rt_sigaction(signal, None) }.unwrap_or_default());
        let _ = BEFORE.set(asked);
        for (signal, flags) in SIGNALS {
            let action = KernelSigaction {
                handler: (handle as *const ()).expose_provenance() as u64,
                flags: SA_SIGINFO | SA_RESTORER | SA_ONSTACK | flags,
                restorer: (rt_sigreturn as *const ()).expose_provenance() as u64,
                // The stacks that threads have for handlers need not have room for several frames.
                mask: SigSet::ALL,
            };
            // SAFETY: `handle` has the type of a handler, allocates nothing and takes no lock; the
            // restorer is one. These signals can be handled, so the call cannot fail.
            let _ = unsafe { rt_sigaction(signal, Some(&action)) };
        }
    });
}

/// Lets this thread have the signals that are handled here. It may have been started with all of them blocked,
/// and a fault whose signal is blocked ends the process.
pub(crate) fn unblock() {
    let all = SIGNALS.iter().fold(SigSet::EMPTY, |set, &(signal, _)| set.with(signal));
    // Cannot fail with these arguments.
    let _ = rt_sigprocmask(MaskHow::Unblock, Some(all));
}

/// The handler.
///
/// # Safety
/// Called by the kernel.
unsafe extern "C" fn handle(signal: i32, info: *mut SigInfo, context: *mut UContext) {
    // SAFETY: the kernel gives the frame that it wrote, which is ours until we return.
    let (ucontext, facts) = unsafe { (&mut *context, *info) };
    let whose = match signal {
        // SAFETY: as above.
        SIGURG => unsafe { stepping::wished(&facts, ucontext) },
        // SAFETY: as above.
        SIGTRAP => unsafe { stepping::trapped(&facts, ucontext) },
        // SAFETY: as above.
        _ => unsafe { fault(signal, &facts, ucontext) },
    };
    if whose == Signal::Theirs {
        let index = SIGNALS.iter().position(|&(known, _)| known == signal).unwrap_or(0);
        let before = BEFORE.get().map(|actions| actions[index]).unwrap_or_default();
        // SAFETY: the arguments are those of the kernel.
        unsafe { pass_on(before, signal, info, context) };
    }
}

/// An instruction has faulted.
///
/// # Safety
/// The frame is that of a handler.
unsafe fn fault(signal: i32, info: &SigInfo, ucontext: &mut UContext) -> Signal {
    let Some(place) = code::at(ucontext.mcontext.rip) else { return Signal::Theirs };
    if !stepping::faulted(ucontext, place) {
        // SAFETY: in compiled code r15 is the context.
        unsafe { leave_compiled_code(signal, info.address(), ucontext) };
    }
    Signal::Ours
}

/// Copies the registers and leaves.
///
/// # Safety
/// The state is that of a thread in compiled code, on which the kernel wrote its floating-point state.
unsafe fn leave_compiled_code(signal: i32, address: u64, ucontext: &mut UContext) {
    let registers = &mut ucontext.mcontext;
    let header = std::ptr::with_exposed_provenance_mut::<VmHeader>(registers.r15 as usize);
    let r = &*registers;
    let gprs = [
        r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
        r.r14, r.r15,
    ];
    // XMM registers lie at 160 of the legacy area, which every format has.
    let vectors = std::ptr::with_exposed_provenance::<[u128; 16]>(registers.fpstate as usize + 160);
    // SAFETY: the kernel wrote the area; u128 needs 16 bytes of alignment, 64 + 160 has 32.
    let vectors = unsafe { vectors.read_unaligned() };
    let state = TrapState { pc: r.rip, signal: signal as u64, address, pad: 0, gprs, vectors };
    // SAFETY: r15 is the context of the instance that runs in this thread.
    unsafe { (&raw mut (*header).trap).write(state) };
    // SAFETY: as above; the field is written once, when the context is made.
    registers.rip = unsafe { (&raw const (*header).exit).read() };
    registers.rax = STATUS_FAULT;
    const _: () = assert!(offset_of!(VmHeader, trap) % 16 == 0);
}

/// Gives a signal to an earlier handler, or lets it do what it does by default.
///
/// # Safety
/// The arguments are those of the kernel.
unsafe fn pass_on(before: KernelSigaction, signal: i32, info: *mut SigInfo, context: *mut UContext) {
    // SAFETY: the caller's contract.
    let (sent, interrupted) = unsafe { ((*info).code <= 0, SigSet::from_bits((*context).sigmask)) };
    match before.handler {
        // By default it does nothing.
        SIG_IGN | SIG_DFL if signal == SIGURG => {}
        SIG_IGN if sent => {}
        SIG_IGN | SIG_DFL => {
            // SAFETY: puts back what was there.
            let _ = unsafe { rt_sigaction(signal, Some(&KernelSigaction { handler: SIG_DFL, ..before })) };
            // An instruction that faulted faults again, now without a handler; others have to be told.
            if sent || signal == SIGTRAP {
                let _ = tgkill(getpid(), gettid(), signal);
            }
        }
        handler => {
            let handler = std::ptr::with_exposed_provenance::<()>(handler as usize);
            type Handler = unsafe extern "C" fn(i32, *mut SigInfo, *mut UContext);
            // SAFETY: it was the handler; one that takes fewer arguments ignores the others.
            let handler = unsafe { std::mem::transmute::<*const (), Handler>(handler) };
            // Cannot fail with these arguments. Our return puts back what was interrupted.
            let _ = rt_sigprocmask(MaskHow::Set, Some(interrupted.union(before.mask).with(signal)));
            // SAFETY: as the kernel would call it.
            unsafe { handler(signal, info, context) };
        }
    }
}
