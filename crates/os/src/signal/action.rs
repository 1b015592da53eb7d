//! Handlers.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::set::{SET_BYTES, SigSet};
use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall4};

/// Handler value: what the signal does by default.
pub const SIG_DFL: u64 = 0;
/// Handler value: nothing.
pub const SIG_IGN: u64 = 1;
/// No SIGCHLD when a child stops.
pub const SA_NOCLDSTOP: u64 = 1;
/// Children leave no zombies.
pub const SA_NOCLDWAIT: u64 = 2;
/// The handler takes three arguments.
pub const SA_SIGINFO: u64 = 4;
/// The kernel clears flags it does not know.
pub const SA_UNSUPPORTED: u64 = 0x400;
/// Tag bits of addresses are shown.
pub const SA_EXPOSE_TAGBITS: u64 = 0x800;
/// `restorer` is valid; on x86-64 it has to be.
pub const SA_RESTORER: u64 = 0x0400_0000;
/// The handler runs on the alternate stack.
pub const SA_ONSTACK: u64 = 0x0800_0000;
/// Interrupted system calls start again.
pub const SA_RESTART: u64 = 0x1000_0000;
/// The signal is not blocked in its own handler.
pub const SA_NODEFER: u64 = 0x4000_0000;
/// The handler is used once.
pub const SA_RESETHAND: u64 = 0x8000_0000;

/// What to do on a signal, the kernel's `struct sigaction` (not the C library's).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct KernelSigaction {
    /// Address of the handler, [`SIG_DFL`] or [`SIG_IGN`].
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Where the handler returns to: code that calls `rt_sigreturn` with the stack pointer just
    /// behind the popped return address. [`rt_sigreturn`] is one.
    pub restorer: u64,
    /// Signals blocked while the handler runs, besides its own.
    pub mask: SigSet,
}

const _: () = {
    assert!(size_of::<KernelSigaction>() == 32);
    assert!(offset_of!(KernelSigaction, restorer) == 16 && offset_of!(KernelSigaction, mask) == 24);
};

/// Changes what `signal` does (`None`: only asks); returns what it did before.
///
/// # Errors
/// `EINVAL` for a number that is no signal, or one whose action cannot change.
///
/// # Safety
/// The handler follows the System V ABI for signal handlers and may run at any instruction of any
/// thread from now on; the restorer calls `rt_sigreturn`.
pub unsafe fn rt_sigaction(signal: i32, action: Option<&KernelSigaction>) -> Result<KernelSigaction, Errno> {
    let mut old = KernelSigaction::default();
    let new = action.map_or(0, |action| (&raw const *action).expose_provenance() as u64);
    let to = (&raw mut old).expose_provenance() as u64;
    let signal = i64::from(signal) as u64;
    // SAFETY: the kernel reads one action and writes one; the handler is the caller's contract.
    answer(unsafe { syscall4(nr::RT_SIGACTION, signal, new, to, SET_BYTES) })?;
    Ok(old)
}

/// Returns from a signal handler: for [`KernelSigaction::restorer`], or to be jumped to with the
/// stack pointer at a frame's `ucontext`.
///
/// # Safety
/// The stack pointer is 8 above a signal frame, that is at its `ucontext`.
#[unsafe(naked)]
pub unsafe extern "C" fn rt_sigreturn() -> ! {
    naked_asm!("mov eax, {nr}", "syscall", "ud2", nr = const nr::RT_SIGRETURN)
}
