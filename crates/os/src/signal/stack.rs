//! The alternate stack.

use super::SignalStack;
use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall2};

/// [`SignalStack::flags`]: the thread is on it.
pub const SS_ONSTACK: u32 = 1;
/// [`SignalStack::flags`]: there is none.
pub const SS_DISABLE: u32 = 2;
/// [`SignalStack::flags`]: none while a handler runs on it.
pub const SS_AUTODISARM: u32 = 1 << 31;

/// Changes this thread's alternate stack (`None`: only asks); returns the one before.
///
/// # Errors
/// `ENOMEM` for one that is too small, `EPERM` while the thread is on it, `EINVAL` for bad flags.
///
/// # Safety
/// The memory is the caller's, readable and writable, for as long as it is the alternate stack.
pub unsafe fn sigaltstack(stack: Option<&SignalStack>) -> Result<SignalStack, Errno> {
    let mut old = SignalStack::default();
    let new = stack.map_or(0, |stack| (&raw const *stack).expose_provenance() as u64);
    let to = (&raw mut old).expose_provenance() as u64;
    // SAFETY: the kernel reads one `stack_t` and writes one; the memory is the caller's contract.
    answer(unsafe { syscall2(nr::SIGALTSTACK, new, to) })?;
    Ok(old)
}
