//! Requests about a thread that this one traces (ptrace(2)). The thread has to be stopped for all but
//! [`seize`] and [`interrupt`].

pub use midstride_frame::ptrace::PtraceRegs;

use crate::errno::Errno;
use crate::nr;
use crate::signal::{SigInfo, SigSet};
use crate::sys::{answer, syscall4};

/// [`seize`]: it is killed when its tracer ends.
pub const O_EXITKILL: u64 = 0x10_0000;
/// [`seize`]: it stops at a successful exec.
pub const O_TRACEEXEC: u64 = 0x10;
/// [`seize`]: it stops at fork, and the child is traced.
pub const O_TRACEFORK: u64 = 2;
/// [`seize`]: it stops at vfork, and the child is traced.
pub const O_TRACEVFORK: u64 = 4;
/// [`seize`]: it stops at clone, and the child is traced.
pub const O_TRACECLONE: u64 = 8;

/// A stop by [`interrupt`], or of the whole group.
pub const EVENT_STOP: i32 = 128;

const GETREGS: u64 = 12;
const SETREGS: u64 = 13;
const CONT: u64 = 7;
const SINGLESTEP: u64 = 9;
const GETEVENTMSG: u64 = 0x4201;
const GETSIGINFO: u64 = 0x4202;
const GETREGSET: u64 = 0x4204;
const SETREGSET: u64 = 0x4205;
const SEIZE: u64 = 0x4206;
const INTERRUPT: u64 = 0x4207;
const SETSIGMASK: u64 = 0x420b;
const GET_RSEQ_CONFIGURATION: u64 = 0x420f;
/// The XSAVE area, in standard format.
const NT_X86_XSTATE: u64 = 0x202;

/// One request.
///
/// # Safety
/// `data` is what the request takes: a number, or the address of memory of the right size.
unsafe fn request(request: u64, tid: i32, address: u64, data: u64) -> Result<u64, Errno> {
    // SAFETY: the caller's contract.
    answer(unsafe { syscall4(nr::PTRACE, request, i64::from(tid) as u64, address, data) })
}

/// Begins to trace a thread, without stopping it.
///
/// # Errors
/// As ptrace(2); `EPERM` when it may not be traced or is traced already.
pub fn seize(tid: i32, options: u64) -> Result<(), Errno> {
    // SAFETY: takes a number.
    unsafe { request(SEIZE, tid, 0, options) }.map(drop)
}

/// Makes a traced thread stop soon.
///
/// # Errors
/// As ptrace(2); `ESRCH` when it has ended.
pub fn interrupt(tid: i32) -> Result<(), Errno> {
    // SAFETY: takes nothing.
    unsafe { request(INTERRUPT, tid, 0, 0) }.map(drop)
}

/// Lets a thread run, with `signal` delivered unless it is 0.
///
/// # Errors
/// As ptrace(2); `ESRCH` when it is not stopped or has ended.
pub fn cont(tid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: takes a number.
    unsafe { request(CONT, tid, 0, i64::from(signal) as u64) }.map(drop)
}

/// Lets a thread carry out one instruction, with `signal` delivered first unless it is 0.
///
/// # Errors
/// As for [`cont`].
pub fn single_step(tid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: takes a number.
    unsafe { request(SINGLESTEP, tid, 0, i64::from(signal) as u64) }.map(drop)
}

/// Its general registers.
///
/// # Errors
/// As for [`cont`].
pub fn registers(tid: i32) -> Result<PtraceRegs, Errno> {
    let mut regs = PtraceRegs::default();
    // SAFETY: the kernel writes one structure.
    unsafe { request(GETREGS, tid, 0, (&raw mut regs).expose_provenance() as u64) }?;
    Ok(regs)
}

/// Replaces its general registers.
///
/// # Errors
/// As for [`cont`]; `EIO` for selectors and bases that cannot be.
pub fn set_registers(tid: i32, regs: &PtraceRegs) -> Result<(), Errno> {
    // SAFETY: the kernel reads one structure.
    unsafe { request(SETREGS, tid, 0, (&raw const *regs).expose_provenance() as u64) }.map(drop)
}

/// The kernel's `struct iovec`.
#[repr(C)]
struct IoVec {
    base: u64,
    bytes: u64,
}

/// Copies its XSAVE area, in standard format; returns how many bytes it has, at most those of `area`.
///
/// # Errors
/// As for [`cont`].
pub fn vector_state(tid: i32, area: &mut [u8]) -> Result<usize, Errno> {
    let mut piece = IoVec { base: area.as_mut_ptr().expose_provenance() as u64, bytes: area.len() as u64 };
    let at = (&raw mut piece).expose_provenance() as u64;
    // SAFETY: the kernel writes to the memory that `piece` describes, which is `area`, and to `piece`.
    unsafe { request(GETREGSET, tid, NT_X86_XSTATE, at) }?;
    Ok(piece.bytes as usize)
}

/// Replaces its XSAVE area; `area` has to be as long as [`vector_state`] said.
///
/// # Errors
/// As for [`cont`]; `EINVAL` for an area that the processor would not load, `EFAULT` for a short one.
pub fn set_vector_state(tid: i32, area: &[u8]) -> Result<(), Errno> {
    let mut piece = IoVec { base: area.as_ptr().expose_provenance() as u64, bytes: area.len() as u64 };
    let at = (&raw mut piece).expose_provenance() as u64;
    // SAFETY: the kernel reads the memory that `piece` describes, and writes to `piece`.
    unsafe { request(SETREGSET, tid, NT_X86_XSTATE, at) }.map(drop)
}

/// Why a thread stopped that is about to get a signal.
///
/// # Errors
/// As for [`cont`]; `EINVAL` when it stopped for another reason.
pub fn signal_info(tid: i32) -> Result<SigInfo, Errno> {
    let mut info = SigInfo::default();
    // SAFETY: the kernel writes one structure.
    unsafe { request(GETSIGINFO, tid, 0, (&raw mut info).expose_provenance() as u64) }?;
    Ok(info)
}

/// What came with the event it stopped for.
///
/// # Errors
/// As for [`cont`].
pub fn event_message(tid: i32) -> Result<u64, Errno> {
    let mut message = 0u64;
    // SAFETY: the kernel writes one word.
    unsafe { request(GETEVENTMSG, tid, 0, (&raw mut message).expose_provenance() as u64) }?;
    Ok(message)
}

/// Replaces the set of signals it blocks.
///
/// # Errors
/// As for [`cont`].
pub fn set_signal_mask(tid: i32, mask: SigSet) -> Result<(), Errno> {
    let at = (&raw const mask).expose_provenance() as u64;
    // SAFETY: the kernel reads as many bytes as it is told.
    unsafe { request(SETSIGMASK, tid, size_of::<SigSet>() as u64, at) }.map(drop)
}

/// Where a thread has its area for restartable sequences (the kernel's `struct ptrace_rseq_configuration`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct RseqConfiguration {
    /// Its address; 0: it has none.
    pub address: u64,
    /// Its size in bytes.
    pub bytes: u32,
    /// The word in front of abort handlers.
    pub signature: u32,
    /// Always 0.
    pub flags: u32,
    /// Always 0.
    pub pad: u32,
}

/// Where a thread has its area for restartable sequences.
///
/// # Errors
/// As for [`cont`]; `EIO` from kernels that do not know this (before 5.13).
pub fn rseq_configuration(tid: i32) -> Result<RseqConfiguration, Errno> {
    let mut rseq = RseqConfiguration::default();
    let bytes = size_of::<RseqConfiguration>() as u64;
    // SAFETY: the kernel writes one structure.
    unsafe { request(GET_RSEQ_CONFIGURATION, tid, bytes, (&raw mut rseq).expose_provenance() as u64) }?;
    Ok(rseq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Change, fork_waiting, pidfd_open, pidfd_send_signal, syscall_address, wait};
    use crate::signal::{SIGKILL, SIGTRAP};

    #[test]
    fn a_traced_process_makes_calls_for_its_tracer() {
        // SAFETY: the copy runs nothing but the call below.
        let pid = unsafe { fork_waiting() }.unwrap();
        seize(pid, O_EXITKILL).unwrap();
        interrupt(pid).unwrap();
        assert_eq!(wait(pid), Ok(Change::Stopped { signal: SIGTRAP, event: EVENT_STOP }));
        let mut regs = registers(pid).unwrap();
        (regs.rip, regs.rax, regs.orig_rax) = (syscall_address(), nr::GETPID, u64::MAX);
        set_registers(pid, &regs).unwrap();
        single_step(pid, 0).unwrap();
        assert_eq!(wait(pid), Ok(Change::Stopped { signal: SIGTRAP, event: 0 }));
        assert_eq!(registers(pid).unwrap().rax, pid as u64);
        assert_eq!(signal_info(pid).unwrap().signo, SIGTRAP);
        pidfd_send_signal(pidfd_open(pid).unwrap(), SIGKILL).unwrap();
        assert_eq!(wait(pid), Ok(Change::Signaled { signal: SIGKILL }));
    }

    #[test]
    fn vector_state_goes_in_as_it_came_out() {
        // SAFETY: the copy runs nothing.
        let pid = unsafe { fork_waiting() }.unwrap();
        seize(pid, O_EXITKILL).unwrap();
        interrupt(pid).unwrap();
        wait(pid).unwrap();
        let mut area = [0; 16 << 10];
        let bytes = vector_state(pid, &mut area).unwrap();
        assert!(bytes >= 576 && bytes < area.len());
        area[160] ^= 0xff;
        area[512] |= 2;
        set_vector_state(pid, &area[..bytes]).unwrap();
        let mut again = [0; 16 << 10];
        assert_eq!(vector_state(pid, &mut again), Ok(bytes));
        assert_eq!(again[160], area[160]);
        pidfd_send_signal(pidfd_open(pid).unwrap(), SIGKILL).unwrap();
        wait(pid).unwrap();
    }
}
