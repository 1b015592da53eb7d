//! Sleeping until a word changes.

use core::sync::atomic::AtomicU32;

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall3, syscall4};
use crate::time::Timespec;

/// Who may wake whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Threads of this process; the word is found by its address.
    Private,
    /// Everyone who maps the memory; the word is found by its object.
    Shared,
}

const WAIT: u64 = 0;
const WAKE: u64 = 1;
const PRIVATE: u64 = 128;

fn operation(base: u64, scope: Scope) -> u64 {
    match scope {
        Scope::Private => base | PRIVATE,
        Scope::Shared => base,
    }
}

/// Sleeps while `word` holds `expected`, at most `timeout` (`None`: for ever).
///
/// # Errors
/// `EAGAIN` when the word held something else, `EINTR` by a signal, `ETIMEDOUT`. After `Ok` the word
/// has to be looked at again too.
pub fn wait(word: &AtomicU32, expected: u32, timeout: Option<&Timespec>, scope: Scope) -> Result<(), Errno> {
    let at = word.as_ptr().expose_provenance() as u64;
    let timeout = timeout.map_or(0, |time| (&raw const *time).expose_provenance() as u64);
    // SAFETY: the kernel only reads the word and the time.
    let raw = unsafe { syscall4(nr::FUTEX, at, operation(WAIT, scope), u64::from(expected), timeout) };
    answer(raw).map(drop)
}

/// Wakes up to `count` sleepers; returns how many.
///
/// # Errors
/// As futex(2); none for a word of this process.
pub fn wake(word: &AtomicU32, count: u32, scope: Scope) -> Result<u32, Errno> {
    let at = word.as_ptr().expose_provenance() as u64;
    let count = u64::from(count.min(i32::MAX as u32));
    // SAFETY: the kernel only uses the address to find sleepers.
    answer(unsafe { syscall3(nr::FUTEX, at, operation(WAKE, scope), count) }).map(|n| n as u32)
}
