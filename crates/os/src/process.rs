//! Child processes: making, waiting, ending, and their memory.

use core::arch::naked_asm;

use crate::errno::Errno;
use crate::nr;
use crate::probe;
use crate::sys::{answer, syscall2, syscall3, syscall4};

/// Makes a copy of this process that has one thread, which waits for signals for ever; returns its id.
///
/// The copy sends no SIGCHLD when it ends and is not found by a wait for just any child; it is waited for by
/// [`wait`]. It is killed when the calling thread ends.
///
/// # Errors
/// As clone(2).
///
/// # Safety
/// Memory that is mapped shared is shared with the copy, should it be made to run something.
pub unsafe fn fork_waiting() -> Result<i32, Errno> {
    // SAFETY: the copy runs nothing but its own loop; it does not return.
    answer(unsafe { clone_waiting() }).map(|pid| pid as i32)
}

/// `clone` without sharing anything and without an exit signal; the copy stays in here.
#[unsafe(naked)]
unsafe extern "C" fn clone_waiting() -> i64 {
    naked_asm!(
        "mov eax, {clone}",
        "xor edi, edi",
        "xor esi, esi",
        "xor edx, edx",
        "xor r10d, r10d",
        "xor r8d, r8d",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "ret",
        "2:",
        "mov eax, {prctl}",
        "mov edi, 1",  // PR_SET_PDEATHSIG
        "mov esi, 9",  // SIGKILL
        "syscall",
        "3:",
        "mov eax, {pause}",
        "syscall",
        "jmp 3b",
        clone = const nr::CLONE,
        prctl = const nr::PRCTL,
        pause = const nr::PAUSE,
    )
}

/// The address of a `syscall` instruction, followed by `int3`: for system calls that a process is made to
/// make by whoever controls it.
#[must_use]
pub fn syscall_address() -> u64 {
    lone_syscall as *const () as u64
}

#[unsafe(naked)]
unsafe extern "C" fn lone_syscall() {
    naked_asm!("syscall", "int3")
}

/// The address of an `int 80h` instruction, followed by `int3`: for system calls of 32-bit programs.
#[must_use]
pub fn interrupt_address() -> u64 {
    lone_interrupt as *const () as u64
}

#[unsafe(naked)]
unsafe extern "C" fn lone_interrupt() {
    naked_asm!("int 0x80", "int3")
}

/// What a child did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It ended by itself.
    Exited {
        /// Its status.
        status: i32,
    },
    /// A signal ended it.
    Signaled {
        /// The signal.
        signal: i32,
    },
    /// It stopped.
    Stopped {
        /// The signal.
        signal: i32,
        /// For a traced one: `PTRACE_EVENT_*`, 0 when a signal is about to be delivered.
        event: i32,
    },
}

impl Change {
    /// From the word that wait4(2) writes.
    #[must_use]
    pub const fn from_status(status: i32) -> Self {
        match status & 0x7f {
            0 => Self::Exited { status: status >> 8 & 0xff },
            0x7f => Self::Stopped { signal: status >> 8 & 0xff, event: status >> 16 },
            signal => Self::Signaled { signal },
        }
    }
}

/// Waits until a child or a traced thread changes, whatever signal it ends with.
///
/// # Errors
/// `EINTR` by a signal; `ECHILD` when it is not ours.
pub fn wait(pid: i32) -> Result<Change, Errno> {
    /// All children, however they were made.
    const WALL: u64 = 0x4000_0000;
    let mut status = 0i32;
    let to = (&raw mut status).expose_provenance() as u64;
    // SAFETY: the kernel writes one word.
    answer(unsafe { syscall4(nr::WAIT4, i64::from(pid) as u64, to, WALL, 0) })?;
    Ok(Change::from_status(status))
}

/// A descriptor that stands for a process, even when its id is used again.
///
/// # Errors
/// As pidfd_open(2).
pub fn pidfd_open(pid: i32) -> Result<i32, Errno> {
    // SAFETY: changes no memory.
    answer(unsafe { syscall2(nr::PIDFD_OPEN, i64::from(pid) as u64, 0) }).map(|fd| fd as i32)
}

/// Sends a signal to the process that a descriptor stands for.
///
/// # Errors
/// As pidfd_send_signal(2); `ESRCH` when it has ended.
pub fn pidfd_send_signal(pidfd: i32, signal: i32) -> Result<(), Errno> {
    let [pidfd, signal] = [pidfd, signal].map(|n| i64::from(n) as u64);
    // SAFETY: changes no memory of this process.
    answer(unsafe { syscall4(nr::PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0) }).map(drop)
}

/// Lets a thread (0: this one) run on one processor only.
///
/// # Errors
/// As sched_setaffinity(2); `EINVAL` for a processor from 1024 on, or one that it may not use.
pub fn pin(tid: i32, processor: usize) -> Result<(), Errno> {
    let mut mask = [0u64; 16];
    *mask.get_mut(processor / 64).ok_or(Errno::EINVAL)? = 1 << (processor % 64);
    let at = mask.as_ptr().expose_provenance() as u64;
    let bytes = size_of_val(&mask) as u64;
    // SAFETY: the kernel reads the mask.
    answer(unsafe { syscall3(nr::SCHED_SETAFFINITY, i64::from(tid) as u64, bytes, at) }).map(drop)
}

/// Copies memory of another process, as far as it is readable; as [`probe::read_own`].
///
/// # Errors
/// As there; `EPERM` when it is not ours to look at, `ESRCH` when it has ended.
pub fn read_memory(pid: i32, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    probe::read_process(pid, address, buffer)
}

/// Copies to memory of another process, as far as it is writable; as [`probe::write_own`].
///
/// # Errors
/// As for [`read_memory`].
///
/// # Safety
/// The other process does not share that memory with this one, or it is the caller's to change.
pub unsafe fn write_memory(pid: i32, address: u64, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    unsafe { probe::write_process(pid, address, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SIGKILL;

    #[test]
    fn a_waiting_copy_ends_when_it_is_told_to() {
        let word = core::sync::atomic::AtomicU64::new(0);
        word.store(0x1234, core::sync::atomic::Ordering::SeqCst);
        // SAFETY: the copy runs nothing.
        let pid = unsafe { fork_waiting() }.unwrap();
        let pidfd = pidfd_open(pid).unwrap();
        let mut copy = [0; 8];
        let address = word.as_ptr().expose_provenance() as u64;
        assert_eq!(read_memory(pid, address, &mut copy), Ok(8));
        assert_eq!(u64::from_ne_bytes(copy), 0x1234);
        // SAFETY: the copy's memory is its own.
        assert_eq!(unsafe { write_memory(pid, address, &[9]) }, Ok(1));
        assert_eq!(word.into_inner(), 0x1234);
        pidfd_send_signal(pidfd, SIGKILL).unwrap();
        assert_eq!(wait(pid), Ok(Change::Signaled { signal: SIGKILL }));
        assert_eq!(pidfd_send_signal(pidfd, SIGKILL), Err(Errno::ESRCH));
        crate::file::close(pidfd).unwrap();
        assert_eq!(wait(pid), Err(Errno::ECHILD));
    }

    #[test]
    fn status_words_are_told_apart() {
        assert_eq!(Change::from_status(0x300), Change::Exited { status: 3 });
        assert_eq!(Change::from_status(0x8b), Change::Signaled { signal: 0xb });
        assert_eq!(Change::from_status(0x80_057f), Change::Stopped { signal: 5, event: 0x80 });
    }

    #[test]
    fn processors_that_are_not_there_are_refused() {
        assert_eq!(pin(0, 1 << 20), Err(Errno::EINVAL));
    }
}
