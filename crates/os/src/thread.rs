//! Threads and processes: who am I, registers of the kernel's, ends.

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall0, syscall1, syscall2, syscall3, syscall5};

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident, $nr:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name() -> i32 {
            // SAFETY: only asks; cannot fail.
            unsafe { syscall0(nr::$nr) as i32 }
        }
    };
}

identity! {
    /// This process.
    getpid, GETPID
}
identity! {
    /// This process's parent.
    getppid, GETPPID
}
identity! {
    /// This thread.
    gettid, GETTID
}

identity! {
    /// The user whose rights this thread has.
    geteuid, GETEUID
}
identity! {
    /// The group whose rights this thread has.
    getegid, GETEGID
}

/// Sends `signal` (0: only checks) to one thread of one process.
///
/// # Errors
/// As tgkill(2).
pub fn tgkill(pid: i32, tid: i32, signal: i32) -> Result<(), Errno> {
    let args = [pid, tid, signal].map(|n| i64::from(n) as u64);
    // SAFETY: changes no memory; what the receiver does is its handler's affair.
    answer(unsafe { syscall3(nr::TGKILL, args[0], args[1], args[2]) }).map(drop)
}

/// Whether two processes run in the same memory; also when the kernel does not tell.
#[must_use]
pub fn share_memory(a: i32, b: i32) -> bool {
    const KCMP_VM: u64 = 1;
    let [a, b] = [a, b].map(|pid| i64::from(pid) as u64);
    // SAFETY: only asks.
    let difference = answer(unsafe { syscall5(nr::KCMP, a, b, KCMP_VM, 0, 0) });
    !matches!(difference, Ok(1..) | Err(Errno::ESRCH))
}

/// Lets another thread run.
pub fn sched_yield() {
    // SAFETY: no arguments, no effect on memory.
    unsafe { syscall0(nr::SCHED_YIELD) };
}

/// The processor that this thread runs on, at this moment.
#[must_use]
pub fn processor() -> usize {
    let mut processor = 0u32;
    let to = (&raw mut processor).expose_provenance() as u64;
    // SAFETY: the kernel writes one word; it cannot fail.
    unsafe { syscall3(nr::GETCPU, to, 0, 0) };
    processor as usize
}

/// Ends this thread only.
///
/// # Safety
/// Nothing needs this thread's stack or its destructors.
pub unsafe fn exit(status: i32) -> ! {
    loop {
        // SAFETY: the caller's contract; the call does not return.
        unsafe { syscall1(nr::EXIT, i64::from(status) as u64) };
    }
}

/// Ends the process at once, without flushing anything.
pub fn exit_group(status: i32) -> ! {
    loop {
        // SAFETY: the process ends; the call does not return.
        unsafe { syscall1(nr::EXIT_GROUP, i64::from(status) as u64) };
    }
}

/// A segment register with a 64-bit base.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentBase {
    /// FS: thread-local storage of the C library.
    Fs,
    /// GS: free in 64-bit Linux programs.
    Gs,
}

impl SegmentBase {
    /// `ARCH_SET_*` and `ARCH_GET_*`.
    const fn codes(self) -> (u64, u64) {
        match self {
            Self::Fs => (0x1002, 0x1003),
            Self::Gs => (0x1001, 0x1004),
        }
    }
}

/// The base of a segment of this thread.
///
/// # Errors
/// As arch_prctl(2).
pub fn segment_base(which: SegmentBase) -> Result<u64, Errno> {
    let mut base = 0u64;
    let to = (&raw mut base).expose_provenance() as u64;
    // SAFETY: the kernel writes one word.
    answer(unsafe { syscall2(nr::ARCH_PRCTL, which.codes().1, to) })?;
    Ok(base)
}

/// Changes the base of a segment of this thread.
///
/// # Errors
/// As arch_prctl(2); `EPERM` for an address outside user space.
///
/// # Safety
/// Whatever code runs next in this thread expects the new base.
pub unsafe fn set_segment_base(which: SegmentBase, base: u64) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    answer(unsafe { syscall2(nr::ARCH_PRCTL, which.codes().0, base) }).map(drop)
}

/// prctl(2) with its four arguments as they are.
///
/// # Errors
/// As prctl(2).
///
/// # Safety
/// As the operation demands.
pub unsafe fn prctl(operation: u32, args: [u64; 4]) -> Result<u64, Errno> {
    let [a, b, c, d] = args;
    // SAFETY: the caller's contract.
    answer(unsafe { syscall5(nr::PRCTL, u64::from(operation), a, b, c, d) })
}
