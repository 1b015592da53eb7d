//! Signals that the host itself receives.
//!
//! A handler notes the signal and rings the control block's doorbell, so that one futex is all the host
//! ever sleeps on: a signal that comes just before the sleep has changed the word and the sleep ends at once.

use std::io;
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::{ControlMap, Pid, check};

const SIGNALS: usize = 65;
/// How often each signal came from another process; index is the signal's number.
static SENT: [AtomicU32; SIGNALS] = [const { AtomicU32::new(0) }; SIGNALS];
/// How often each signal came from the kernel (a terminal, a dead child).
static KERNEL: [AtomicU32; SIGNALS] = [const { AtomicU32::new(0) }; SIGNALS];
static DOORBELL: AtomicPtr<u32> = AtomicPtr::new(null_mut());

/// Who sent a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// The kernel: a terminal sends to the whole foreground group, so the program has it too.
    Kernel,
    /// A process, perhaps to this one alone.
    Process,
}

/// A signal that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pending {
    pub(crate) signal: i32,
    pub(crate) from: Delivery,
}

extern "C" fn note(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler installed with SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    let counts = if code > 0 { &KERNEL } else { &SENT };
    if let Some(count) = counts.get(signal as usize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    let doorbell = DOORBELL.load(Ordering::Acquire);
    if !doorbell.is_null() {
        // SAFETY: `catch_signals` stored the address of an aligned word in a mapping that is never unmapped.
        unsafe { AtomicU32::from_ptr(doorbell) }.fetch_add(1, Ordering::Release);
    }
}

/// From now on, signals that would end or stop the host are noted for [`take_pending`] and ring `control`'s
/// doorbell, those too that were ignored: the program may handle them. None stays blocked. To be called when the
/// program was started, which inherits what is ignored. `control` lives for ever.
pub(crate) fn catch_signals(control: &'static ControlMap) -> io::Result<()> {
    DOORBELL.store(control.get().doorbell.as_ptr(), Ordering::Release);
    let synchronous = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];
    let left = [libc::SIGKILL, libc::SIGSTOP, libc::SIGABRT, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE];
    let ours = (1..32).chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
    for signal in ours.filter(|signal| !synchronous.contains(signal) && !left.contains(signal)) {
        catch(signal)?;
    }
    // SAFETY: touches no memory; a summary that nobody reads must not change the exit status.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    unblock_all()
}

fn catch(signal: i32) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid `sigaction`: integers and a null handler.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = note as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: `note` is async-signal-safe: it touches atomics only and keeps errno.
    check(unsafe { libc::sigaction(signal, &action, null_mut()) }).map(drop)
}

fn unblock_all() -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid empty `sigset_t`.
    let none: libc::sigset_t = unsafe { zeroed() };
    // SAFETY: the kernel reads `none` only; the host has one thread.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &none, null_mut()) }).map(drop)
}

/// While this lives, no SIGCHLD interrupts the host; one that came meanwhile is noted at the end.
pub(crate) struct ChildSignalsHeld {
    old: libc::sigset_t,
}

impl ChildSignalsHeld {
    /// Holds them back from now on.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: all-zero bytes are a valid empty `sigset_t`.
        let (mut old, mut set): (libc::sigset_t, libc::sigset_t) = unsafe { zeroed() };
        // SAFETY: `set` and `old` are locals that live across the calls; the host has one thread.
        unsafe {
            libc::sigaddset(&mut set, libc::SIGCHLD);
            check(libc::sigprocmask(libc::SIG_BLOCK, &set, &mut old))?;
        }
        Ok(Self { old })
    }
}

impl Drop for ChildSignalsHeld {
    fn drop(&mut self) {
        // SAFETY: the kernel reads `old`, which `new` filled in.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.old, null_mut()) };
    }
}

/// The signals noted since the last call, each at most once for each kind of sender.
pub(crate) fn take_pending() -> Vec<Pending> {
    let took = |counts: &[AtomicU32; SIGNALS], signal: i32| {
        counts[signal as usize].load(Ordering::Relaxed) != 0
            && counts[signal as usize].swap(0, Ordering::Relaxed) != 0
    };
    let both = (1..SIGNALS as i32)
        .flat_map(|signal| [(signal, Delivery::Kernel, &KERNEL), (signal, Delivery::Process, &SENT)]);
    both.filter(|&(signal, _, counts)| took(counts, signal))
        .map(|(signal, from, _)| Pending { signal, from })
        .collect()
}

/// Sends a signal to a process.
pub(crate) fn send_signal(pid: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: touches no memory of this process.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Stops this process by `signal`, one of the four that stop, until somebody sends SIGCONT.
pub(crate) fn stop_self(signal: i32) {
    // SAFETY: all-zero bytes are a valid `sigaction`: the default action.
    let (mut old, default): (libc::sigaction, libc::sigaction) = unsafe { zeroed() };
    // SAFETY: `old` and `default` are locals that live across the calls; the process goes on behind them.
    unsafe {
        libc::sigaction(signal, &default, &mut old);
        libc::kill(libc::getpid(), signal);
        libc::sigaction(signal, &old, null_mut());
    }
}

/// Ends this process the way a program killed by `signal` ends, without a core file of its own.
pub(crate) fn die_by_signal(signal: i32) -> ! {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: all-zero bytes are a valid `sigset_t` to start from.
    let mut set: libc::sigset_t = unsafe { zeroed() };
    // SAFETY: all pointers are to locals that live across the calls; the default action of a signal that
    // killed a program is to kill, and the exit behind it never returns either.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        libc::signal(signal, libc::SIG_DFL);
        libc::sigaddset(&mut set, signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, &set, null_mut());
        libc::kill(libc::getpid(), signal);
        libc::_exit(128 + signal)
    }
}
