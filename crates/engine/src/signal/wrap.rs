//! Handlers of a process in which only some threads are followed.
//!
//! The kernel keeps the program's actions, but for the handler's address: in its place stands [`trampoline`],
//! which calls the handler as the kernel would in threads that run natively, and hands the signal
//! to the engine in those that are followed. Handlers are wrapped while any thread is followed; those that
//! native threads install are so when the next thread is followed, and until then see cache pcs when they
//! interrupt a followed thread.
//!
//! One difference remains in native threads: a handler that interrupts sigsuspend and its like runs with the
//! mask from before that call.
#![allow(unsafe_code, reason = "is entered by the kernel with raw frames")]

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering};

use midstride_os::Errno;
use midstride_os::signal::{
    KernelSigaction, MaskHow, SA_NODEFER, SIG_DFL, SIG_IGN, SIGKILL, SIGSTOP, SigInfo, SigSet, SignalStack,
    UContext, rt_sigaction, rt_sigprocmask, sigaltstack,
};
use midstride_os::thread::{SegmentBase, segment_base};

use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::lock::Lock;
use crate::memory::{read_value, write_value};
use crate::policy::Policy;
use crate::syscall::{Verdict, argument};

/// The program's action for one signal, as long as the kernel's names the trampoline.
struct Wrapped {
    handler: AtomicU64,
    flags: AtomicU64,
    restorer: AtomicU64,
    mask: AtomicU64,
}

/// By signal number. Written under the lock, read by the trampoline.
static WRAPPED: [Wrapped; 65] = [const { Wrapped::unused() }; 65];

/// How many threads are followed; protects the wrapping of handlers.
static FOLLOWED: Lock<usize> = Lock::new(0);

const SIGNALS: core::ops::RangeInclusive<i32> = 1..=64;

impl Wrapped {
    const fn unused() -> Self {
        let [handler, flags, restorer, mask] = [const { AtomicU64::new(0) }; 4];
        Self { handler, flags, restorer, mask }
    }

    fn get(&self) -> KernelSigaction {
        KernelSigaction {
            handler: self.handler.load(Ordering::Acquire),
            flags: self.flags.load(Ordering::Acquire),
            restorer: self.restorer.load(Ordering::Acquire),
            mask: SigSet::from_bits(self.mask.load(Ordering::Acquire)),
        }
    }

    /// A signal that arrives meanwhile may see a mixture of two actions, as it may natively see either.
    fn set(&self, action: &KernelSigaction) {
        self.mask.store(action.mask.bits(), Ordering::Release);
        self.restorer.store(action.restorer, Ordering::Release);
        self.flags.store(action.flags, Ordering::Release);
        self.handler.store(action.handler, Ordering::Release);
    }
}

/// The program's action for `signal`, whose handler the trampoline stands for.
pub(crate) fn action(signal: i32) -> KernelSigaction {
    WRAPPED[signal as usize & 63 | usize::from(signal == 64) << 6].get()
}

fn is_handler(action: &KernelSigaction) -> bool {
    action.handler != SIG_DFL && action.handler != SIG_IGN
}

fn is_trampoline(action: &KernelSigaction) -> bool {
    action.handler == trampoline as *const () as u64
}

/// What the kernel is told in place of `action`. All signals are blocked until the handler's mask is set.
fn wrapped(action: &KernelSigaction) -> KernelSigaction {
    KernelSigaction { handler: trampoline as *const () as u64, mask: SigSet::ALL, ..*action }
}

/// Another thread is followed. Native threads may have installed handlers since the last time.
pub(crate) fn join() {
    let mut followed = FOLLOWED.lock();
    for_each_handler(|signal, action| {
        if !is_trampoline(&action) {
            WRAPPED[signal as usize].set(&action);
            tell_kernel(signal, &wrapped(&action));
        }
    });
    *followed += 1;
}

/// One thread fewer is followed.
pub(crate) fn part() {
    let mut followed = FOLLOWED.lock();
    *followed = followed.saturating_sub(1);
    if *followed == 0 {
        for_each_handler(|signal, now| {
            if is_trampoline(&now) {
                let mask = action(signal).mask;
                let handler = action(signal).handler;
                tell_kernel(signal, &KernelSigaction { handler, mask, ..now });
            }
        });
    }
}

/// Forks with the lock held; the child's only thread is followed.
pub(crate) fn around_fork(fork: impl FnOnce() -> i64) -> i64 {
    let mut followed = FOLLOWED.lock();
    let result = fork();
    if result == 0 {
        *followed = 1;
    }
    result
}

fn for_each_handler(mut visit: impl FnMut(i32, KernelSigaction)) {
    for signal in SIGNALS {
        // SAFETY: only asks.
        let asked = unsafe { rt_sigaction(signal, None) };
        if let Some(action) = asked.ok().filter(is_handler) {
            visit(signal, action);
        }
    }
}

fn tell_kernel(signal: i32, action: &KernelSigaction) {
    // SAFETY: the program's own action, or that with the trampoline in its handler's place, which
    // calls it.
    let _ = unsafe { rt_sigaction(signal, Some(action)) };
}

impl<P: Policy> Engine<P> {
    /// A followed thread asks for an action, changes it, or both.
    pub(crate) fn wrapped_sigaction(&self, cx: &mut ThreadContext) -> Verdict {
        Verdict::Answer(change(cx).map_or_else(Errno::raw, |()| 0))
    }
}

fn change(cx: &ThreadContext) -> Result<(), Errno> {
    let signal = argument(cx, 0) as i32;
    let [new, old] = [argument(cx, 1), argument(cx, 2)];
    let forbidden = new != 0 && (signal == SIGKILL || signal == SIGSTOP);
    if !SIGNALS.contains(&signal) || forbidden || argument(cx, 3) != 8 {
        return Err(Errno::EINVAL);
    }
    let new = if new == 0 { None } else { Some(read_value::<KernelSigaction>(new)?) };
    let was = exchange(signal, new.as_ref())?;
    if old != 0 { write_value(old, &was) } else { Ok(()) }
}

fn exchange(signal: i32, new: Option<&KernelSigaction>) -> Result<KernelSigaction, Errno> {
    let _followed = FOLLOWED.lock();
    let before = action(signal);
    let told = new.filter(|new| is_handler(new)).map(wrapped);
    if let (Some(new), Some(_)) = (new, told) {
        WRAPPED[signal as usize].set(new);
    }
    // SAFETY: as in `tell_kernel`.
    let answered = unsafe { rt_sigaction(signal, told.as_ref().or(new)) };
    let was = answered.inspect_err(|_| WRAPPED[signal as usize].set(&before))?;
    if is_trampoline(&was) { Ok(KernelSigaction { flags: was.flags, ..before }) } else { Ok(was) }
}

/// Puts the engine's alternate stack in the place of the program's, which the context keeps.
///
/// # Errors
/// `EPERM` when the thread is on it.
pub(crate) fn take_altstack(cx: &mut ThreadContext) -> Result<(), Errno> {
    let [start, end] = cx.signal_stack;
    // SAFETY: the memory was mapped for this context and is used for nothing else.
    let was = unsafe { sigaltstack(Some(&SignalStack { sp: start, flags: 0, pad: 0, size: end - start })) }?;
    cx.altstack = [was.sp, u64::from(was.flags), was.size];
    Ok(())
}

/// Gives the program its alternate stack back.
pub(crate) fn give_altstack_back(cx: &ThreadContext) {
    let [sp, flags, size] = cx.altstack;
    // SAFETY: the program's own.
    let _ = unsafe { sigaltstack(Some(&SignalStack { sp, flags: flags as u32, pad: 0, size })) };
}

/// Called by the kernel, which leaves AC as the program has it: our code does not heed alignment.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!("pushfq", "and dword ptr [rsp], 0xfffbffff", "popfq", "jmp {receive}", receive = sym receive)
}

/// Called with all signals blocked on the stack that the action asks for.
unsafe extern "C" fn receive(signal: i32, info: *mut SigInfo, uc: *mut UContext) {
    let base = segment_base(SegmentBase::Gs).unwrap_or(0);
    let Some(cx) = crate::follow::find(base) else {
        // SAFETY: the kernel's arguments.
        return unsafe { call_handler(signal, info, uc) };
    };
    let [start, end] = cx.signal_stack;
    let here = (&raw const base).expose_provenance() as u64;
    if (start..end).contains(&here) {
        // SAFETY: the engine's handler, with the kernel's arguments.
        return unsafe { handler_at(cx.on_signal)(signal, info, uc) };
    }
    // SAFETY: the context is this thread's, and its signal stack is not in use.
    unsafe { call_on(end, signal, info, uc, cx.on_signal) }
}

type Handler = unsafe extern "C" fn(i32, *mut SigInfo, *mut UContext);

/// A handler by address.
///
/// # Safety
/// There is one.
unsafe fn handler_at(address: u64) -> Handler {
    let handler = core::ptr::with_exposed_provenance::<()>(address as usize);
    // SAFETY: the caller's contract.
    unsafe { core::mem::transmute::<*const (), Handler>(handler) }
}

/// Calls the program's handler as the kernel does.
///
/// # Safety
/// As the kernel calls handlers.
unsafe fn call_handler(signal: i32, info: *mut SigInfo, uc: *mut UContext) {
    let action = action(signal);
    let own = if action.flags & SA_NODEFER == 0 { SigSet::EMPTY.with(signal) } else { SigSet::EMPTY };
    // SAFETY: the kernel passes a frame.
    let before = SigSet::from_bits(unsafe { (*uc).sigmask });
    let _ = rt_sigprocmask(MaskHow::Set, Some(before.union(action.mask).union(own)));
    // SAFETY: the program installed it; the arguments are the caller's contract.
    unsafe { handler_at(action.handler)(signal, info, uc) }
}

/// Calls `handler` on the stack that ends at `top`.
///
/// # Safety
/// The stack is nobody's; `handler` is an engine's signal handler.
unsafe fn call_on(top: u64, signal: i32, info: *mut SigInfo, uc: *mut UContext, handler: u64) {
    // SAFETY: the old stack pointer is kept in a register that functions preserve.
    unsafe {
        asm!(
            "xchg r12, rsp",
            "call rax",
            "mov rsp, r12",
            inout("r12") top => _,
            in("rax") handler,
            in("edi") signal,
            in("rsi") info,
            in("rdx") uc,
            clobber_abi("C"),
        );
    }
}
