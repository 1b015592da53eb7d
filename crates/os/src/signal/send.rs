//! Sending, and taking back.

use super::set::SET_BYTES;
use super::{SigInfo, SigSet};
use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall4};

/// Queues a signal for one thread, with everything its handler will read in `info`.
///
/// # Errors
/// As rt_tgsigqueueinfo(2); `EPERM` for another process and a code that only the kernel may use (0 and
/// above, or [`SI_TKILL`](super::SI_TKILL)).
pub fn rt_tgsigqueueinfo(pid: i32, tid: i32, signal: i32, info: &SigInfo) -> Result<(), Errno> {
    let [pid, tid, signal] = [pid, tid, signal].map(|n| i64::from(n) as u64);
    let info = (&raw const *info).expose_provenance() as u64;
    // SAFETY: the kernel reads one `siginfo_t`.
    answer(unsafe { syscall4(nr::RT_TGSIGQUEUEINFO, pid, tid, signal, info) }).map(drop)
}

/// Takes a pending signal of this thread or process away, undelivered.
#[must_use]
pub fn take_pending(signal: i32) -> Option<SigInfo> {
    let (set, mut info, at_once) = (SigSet::EMPTY.with(signal), SigInfo::default(), [0u64; 2]);
    let set = (&raw const set).expose_provenance() as u64;
    let to = (&raw mut info).expose_provenance() as u64;
    let at_once = (&raw const at_once).expose_provenance() as u64;
    // SAFETY: the kernel reads one set and one `timespec`, and writes one `siginfo_t`.
    answer(unsafe { syscall4(nr::RT_SIGTIMEDWAIT, set, to, at_once, SET_BYTES) }).ok().map(|_| info)
}
