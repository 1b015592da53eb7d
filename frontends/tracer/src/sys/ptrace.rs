//! Requests to the kernel about a thread that this one has attached to.

use std::io;
use std::mem::zeroed;
use std::ptr::{from_mut, from_ref, null_mut};

use midstride_tracer_abi::Bootstrap;

use super::{Pid, check};

/// A thread's general registers.
pub(crate) type Regs = libc::user_regs_struct;

/// A request whose `addr` and `data` are numbers, not addresses in this process.
fn request(request: libc::c_uint, pid: Pid, addr: usize, data: usize) -> io::Result<()> {
    // SAFETY: callers in this module use only requests that pass numbers, so the kernel reads and
    // writes no memory of this process.
    check(unsafe { libc::ptrace(request, pid, addr, data) }).map(drop)
}

/// Attaches to the running thread `tid` without stopping it, so that it stops at its next successful exec.
pub(crate) fn attach(tid: Pid) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_TRACESYSGOOD;
    request(libc::PTRACE_SEIZE, tid, 0, options as usize)
}

/// Exempts an attached thread from its seccomp filters until it is detached. Only for the privileged.
///
/// # Errors
/// The kernel's, `EPERM` above all.
pub(crate) fn suspend_seccomp(tid: Pid) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_SUSPEND_SECCOMP;
    request(libc::PTRACE_SETOPTIONS, tid, 0, options as usize)
}

/// Makes an attached thread stop soon.
pub(crate) fn interrupt(tid: Pid) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, tid, 0, 0)
}

/// Lets a stopped thread run, with `signal` delivered unless it is 0.
pub(crate) fn cont(tid: Pid, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_CONT, tid, 0, signal as usize)
}

/// Lets a stopped thread run to the next entry or exit of a system call.
pub(crate) fn step_to_syscall_stop(tid: Pid) -> io::Result<()> {
    request(libc::PTRACE_SYSCALL, tid, 0, 0)
}

/// Leaves a thread that stopped with its whole group in that stop, but able to be continued by SIGCONT.
pub(crate) fn listen(tid: Pid) -> io::Result<()> {
    request(libc::PTRACE_LISTEN, tid, 0, 0)
}

/// Lets a stopped thread go, with `signal` delivered unless it is 0.
pub(crate) fn detach(tid: Pid, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_DETACH, tid, 0, signal as usize)
}

/// What came with the event the thread stopped for; at an exec, the thread id of the thread that called it.
pub(crate) fn event_message(tid: Pid) -> io::Result<u64> {
    let mut message: u64 = 0;
    // SAFETY: the kernel writes one unsigned long to `message`, which lives across the call.
    check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0, from_mut(&mut message)) })?;
    Ok(message)
}

/// The registers of a stopped thread.
pub(crate) fn regs(tid: Pid) -> io::Result<Regs> {
    // SAFETY: all-zero bytes are a valid `user_regs_struct`, which holds integers only.
    let mut regs: Regs = unsafe { zeroed() };
    // SAFETY: the kernel writes one `user_regs_struct` to `regs`, which lives across the call.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, from_mut(&mut regs)) })?;
    Ok(regs)
}

/// Replaces the registers of a stopped thread.
pub(crate) fn set_regs(tid: Pid, regs: &Regs) -> io::Result<()> {
    // SAFETY: the kernel reads one `user_regs_struct` from `regs`, which lives across the call.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0, from_ref(regs)) }).map(drop)
}

/// The signals a stopped thread blocks, bit n-1 for signal n.
pub(crate) fn signal_mask(tid: Pid) -> io::Result<u64> {
    let mut mask: u64 = 0;
    let size = size_of::<u64>();
    // SAFETY: the kernel writes `size` bytes to `mask`, which is that large and lives across the call.
    check(unsafe { libc::ptrace(libc::PTRACE_GETSIGMASK, tid, size, from_mut(&mut mask)) })?;
    Ok(mask)
}

/// Replaces the set of signals a stopped thread blocks.
pub(crate) fn set_signal_mask(tid: Pid, mask: u64) -> io::Result<()> {
    let size = size_of::<u64>();
    // SAFETY: the kernel reads `size` bytes from `mask`, which is that large and lives across the call.
    check(unsafe { libc::ptrace(libc::PTRACE_SETSIGMASK, tid, size, from_ref(&mask)) }).map(drop)
}

/// Copies `bytes` to address `at` of another process.
///
/// # Errors
/// The kernel's, and `WriteZero` when only part could be written.
pub(crate) fn write_memory(pid: Pid, at: u64, bytes: &[u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote =
        libc::iovec { iov_base: null_mut::<u8>().with_addr(at as usize).cast(), iov_len: bytes.len() };
    // SAFETY: the kernel reads `bytes` through `local` (it never writes to the local side of a write) and
    // checks the remote address itself.
    let written = check(unsafe { libc::process_vm_writev(pid, &local, 1, &remote, 1, 0) } as i64)?;
    if written as usize == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Fills `bytes` from address `at` of another process.
///
/// # Errors
/// The kernel's, and `UnexpectedEof` when only part could be read.
pub(crate) fn read_memory(pid: Pid, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let remote =
        libc::iovec { iov_base: null_mut::<u8>().with_addr(at as usize).cast(), iov_len: bytes.len() };
    // SAFETY: the kernel writes at most `bytes.len()` bytes to `bytes`, which lives across the call, and
    // checks the remote address itself.
    let read = check(unsafe { libc::process_vm_readv(pid, &local, 1, &remote, 1, 0) } as i64)?;
    if read as usize == bytes.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Copies a bootstrap block to address `at` of another process.
///
/// # Errors
/// As for [`write_memory`].
pub(crate) fn write_bootstrap(pid: Pid, at: u64, bootstrap: &Bootstrap) -> io::Result<()> {
    const WORDS: usize = 30;
    const { assert!(size_of::<Bootstrap>() == WORDS * 8, "a field was added: check for padding") };
    // SAFETY: a `Bootstrap` consists of integers without padding (`repr(C)`, the u32 fields come in pairs;
    // its size is asserted above), so all its bytes are initialised; the slice lives as long as `bootstrap`.
    let bytes = unsafe { std::slice::from_raw_parts(from_ref(bootstrap).cast(), size_of::<Bootstrap>()) };
    write_memory(pid, at, bytes)
}
