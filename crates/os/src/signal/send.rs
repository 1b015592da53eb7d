//! Sending.

use super::SigInfo;
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
