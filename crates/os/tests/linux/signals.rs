//! Handlers, masks, alternate stacks and queued signals on a real kernel. Each test has a process of
//! its own, since handlers belong to the whole process.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use midstride_os::Errno;
use midstride_os::signal::{
    DefaultAction, KernelSigaction, MaskHow, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTORER, SA_SIGINFO,
    SI_QUEUE, SI_TKILL, SIG_DFL, SIG_IGN, SIGCHLD, SIGKILL, SIGRTMIN, SIGSEGV, SIGUSR1, SIGUSR2, SS_DISABLE,
    SigInfo, SigSet, SignalStack, UContext, default_action, rt_sigaction, rt_sigprocmask, rt_sigreturn,
    rt_tgsigqueueinfo, sigaltstack, signal_name,
};
use midstride_os::thread::{exit_group, getpid, gettid, tgkill};

use crate::common::{RLIMIT_CORE, fork, in_child, limit, wait_for};

static SIGNO: AtomicI32 = AtomicI32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static PID: AtomicI32 = AtomicI32::new(0);
static VALUE: AtomicU64 = AtomicU64::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);
static STACK: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicI32 = AtomicI32::new(0);

/// # Safety
/// Only the kernel calls it.
unsafe extern "C" fn record(signo: i32, info: *const SigInfo, ucontext: *const UContext) {
    // SAFETY: the kernel passes pointers to both.
    let (info, ucontext) = unsafe { (*info, *ucontext) };
    SIGNO.store(signo, Relaxed);
    CODE.store(info.code, Relaxed);
    PID.store(info.pid(), Relaxed);
    VALUE.store(info.value(), Relaxed);
    MASK.store(ucontext.sigmask, Relaxed);
    STACK.store((&raw const info).addr() as u64, Relaxed);
    COUNT.fetch_add(1, Relaxed);
}

fn handle(signal: i32, flags: u64) -> KernelSigaction {
    let action = KernelSigaction {
        handler: record as *const () as u64,
        flags: flags | SA_SIGINFO | SA_RESTORER,
        restorer: rt_sigreturn as *const () as u64,
        mask: SigSet::EMPTY.with(SIGUSR2),
    };
    // SAFETY: the handler only stores to atomics.
    unsafe { rt_sigaction(signal, Some(&action)) }.unwrap()
}

fn raise(signal: i32) {
    tgkill(getpid(), gettid(), signal).unwrap();
}

#[test]
fn a_handler_runs_and_returns() {
    in_child(|| {
        assert_eq!(handle(SIGUSR1, 0).handler, SIG_DFL);
        raise(SIGUSR1);
        assert_eq!((SIGNO.load(Relaxed), CODE.load(Relaxed)), (SIGUSR1, SI_TKILL));
        assert_eq!(PID.load(Relaxed), getpid());
        // SAFETY: only asks.
        let now = unsafe { rt_sigaction(SIGUSR1, None) }.unwrap();
        assert_eq!(now.handler, record as *const () as u64);
        assert_eq!(now.mask, SigSet::EMPTY.with(SIGUSR2));
    });
}

#[test]
fn a_blocked_signal_waits() {
    in_child(|| {
        handle(SIGUSR1, 0);
        let before = rt_sigprocmask(MaskHow::Block, Some(SigSet::EMPTY.with(SIGUSR1))).unwrap();
        raise(SIGUSR1);
        assert_eq!(COUNT.load(Relaxed), 0);
        assert_eq!(rt_sigprocmask(MaskHow::Block, None).unwrap(), before.with(SIGUSR1));
        rt_sigprocmask(MaskHow::Set, Some(before)).unwrap();
        assert_eq!((COUNT.load(Relaxed), MASK.load(Relaxed)), (1, before.bits()));
    });
}

#[test]
fn a_handler_on_the_alternate_stack_has_its_frame_there() {
    in_child(|| {
        let mut memory = [0u64; 4096];
        let sp = memory.as_mut_ptr().expose_provenance() as u64;
        let stack = SignalStack { sp, flags: 0, pad: 0, size: 32768 };
        // SAFETY: the memory lives until the process ends.
        let before = unsafe { sigaltstack(Some(&stack)) }.unwrap();
        assert_eq!(before.flags, SS_DISABLE);
        handle(SIGUSR1, SA_ONSTACK);
        raise(SIGUSR1);
        assert!((sp..sp + 32768).contains(&STACK.load(Relaxed)));
        // SAFETY: only asks.
        assert_eq!(unsafe { sigaltstack(None) }, Ok(stack));
        let tiny = SignalStack { size: 100, ..stack };
        // SAFETY: refused.
        assert_eq!(unsafe { sigaltstack(Some(&tiny)) }, Err(Errno::ENOMEM));
    });
}

#[test]
fn a_queued_signal_brings_its_value() {
    in_child(|| {
        handle(SIGRTMIN + 2, 0);
        let mut info = SigInfo { code: SI_QUEUE, ..SigInfo::default() };
        info.words[1] = 0xfeed_f00d;
        rt_tgsigqueueinfo(getpid(), gettid(), SIGRTMIN + 2, &info).unwrap();
        assert_eq!((CODE.load(Relaxed), VALUE.load(Relaxed)), (SI_QUEUE, 0xfeed_f00d));
    });
}

#[test]
fn a_handler_can_be_used_once() {
    in_child(|| {
        handle(SIGCHLD, SA_RESETHAND | SA_NODEFER);
        raise(SIGCHLD);
        raise(SIGCHLD);
        assert_eq!(COUNT.load(Relaxed), 1, "the second one was ignored by default");
    });
}

#[test]
fn sigkill_has_no_handler() {
    let ignore = KernelSigaction { handler: SIG_IGN, ..KernelSigaction::default() };
    // SAFETY: refused.
    assert_eq!(unsafe { rt_sigaction(SIGKILL, Some(&ignore)) }, Err(Errno::EINVAL));
}

#[test]
fn an_unhandled_fault_ends_with_its_signal() {
    let pid = fork();
    if pid == 0 {
        limit(RLIMIT_CORE, 0);
        // std's own handler would print: back to the default.
        // SAFETY: no handler at all.
        let _ = unsafe { rt_sigaction(SIGSEGV, Some(&KernelSigaction::default())) };
        raise(SIGSEGV);
        exit_group(0);
    }
    assert_eq!(wait_for(pid), 128 + SIGSEGV);
}

#[test]
fn sets_hold_signals_1_to_64() {
    let set = SigSet::EMPTY.with(1).with(64).with(0).with(65).with(-1);
    assert_eq!(set.bits(), 1 << 63 | 1);
    assert_eq!(set.iter().collect::<Vec<_>>(), [1, 64]);
    assert!(set.contains(64) && !set.contains(0) && !set.contains(2));
    assert_eq!(set.without(1).minus(SigSet::ALL), SigSet::EMPTY);
    assert!(SigSet::EMPTY.union(SigSet::EMPTY).is_empty());
}

#[test]
fn default_actions_are_those_of_signal_7() {
    let of = |signal| default_action(signal);
    assert_eq!(of(SIGSEGV), Some(DefaultAction::Core));
    assert_eq!(of(SIGCHLD), Some(DefaultAction::Ignore));
    assert_eq!(of(SIGRTMIN), Some(DefaultAction::Terminate));
    assert_eq!((of(0), of(65), of(i32::MIN)), (None, None, None));
    assert_eq!((signal_name(11), signal_name(32), signal_name(0)), (Some("SIGSEGV"), None, None));
    assert_eq!(signal_name(i32::MIN), None);
}

#[test]
fn the_default_action_of_every_signal_is_what_the_kernel_does() {
    for signal in (1..=64).filter(|&signal| default_action(signal) != Some(DefaultAction::Stop)) {
        let pid = fork();
        if pid == 0 {
            // SAFETY: no handler at all. SIGKILL refuses, and needs no change.
            let _ = unsafe { rt_sigaction(signal, Some(&KernelSigaction::default())) };
            let _ = rt_sigprocmask(MaskHow::Set, Some(SigSet::EMPTY));
            limit(RLIMIT_CORE, 0);
            raise(signal);
            exit_group(0);
        }
        let ends = matches!(default_action(signal), Some(DefaultAction::Terminate | DefaultAction::Core));
        assert_eq!(wait_for(pid), if ends { 128 + signal } else { 0 }, "signal {signal}");
    }
}
