//! Access to the program's memory that survives a fault.
#![allow(unsafe_code, reason = "copies from and to addresses the program named")]

use core::sync::atomic::{AtomicU32, Ordering};

use midstride_os::Errno;
use midstride_os::probe::{copy_guarded, read_own, store_guarded, write_own};
use midstride_os::signal::{MaskHow, SIGBUS, SIGSEGV, SigSet, rt_sigprocmask};

/// Writes `bytes` to the program's memory at `address`.
///
/// # Errors
/// `EFAULT` when not all of it is writable; a part may then have been written.
pub(crate) fn write_app(address: u64, bytes: &[u8]) -> Result<(), Errno> {
    let written = match faults_are_handled() {
        // SAFETY: the engine's handler applies the fix-up; the program named the destination as a place
        // for an answer, or it is its stack below what it uses.
        true => unsafe { store_guarded(address, bytes) },
        // SAFETY: as above.
        false => unsafe { write_own(address, bytes) }?,
    };
    if written == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Reads the program's memory at `address`.
///
/// # Errors
/// `EFAULT` when not all of it is readable; `bytes` is then partly overwritten.
pub(crate) fn read_app(address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
    let read = match faults_are_handled() {
        // SAFETY: the engine's handler applies the fix-up; the slice is the engine's own memory.
        true => unsafe { copy_guarded(address, bytes) },
        false => read_own(address, bytes)?,
    };
    if read == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Reads memory that could be read a moment ago; answers how much of it still can. A program that blocks the
/// signal of a fault meanwhile would have been killed by it itself, when it went there.
pub(crate) fn read_known(address: u64, bytes: &mut [u8]) -> usize {
    match FAULTS.load(Ordering::Relaxed) {
        NEVER => read_own(address, bytes).unwrap_or(0),
        // SAFETY: the engine's handler applies the fix-up; the slice is the engine's own memory.
        _ => unsafe { copy_guarded(address, bytes) },
    }
}

/// Whether a fault of ours reaches our handler; one of the constants below.
static FAULTS: AtomicU32 = AtomicU32::new(NEVER);
/// Single threads are followed without one.
const NEVER: u32 = 0;
/// Unless the program has blocked it.
const UNLESS_BLOCKED: u32 = 1;
/// We may not ask. A fault that the program has blocked, or that it leaves to the kernel, kills it.
const TAKEN_FOR_GRANTED: u32 = 2;

/// From now on the engine's handler is called for faults.
pub(crate) fn handle_faults() {
    FAULTS.store(UNLESS_BLOCKED, Ordering::Relaxed);
}

/// Whether the kernel may be asked for the thread's mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asking {
    Yes,
    No,
}

/// Changes whether the mask is asked for, where faults come to us at all.
pub(crate) fn ask_for_mask(asking: Asking) {
    let how = if asking == Asking::Yes { UNLESS_BLOCKED } else { TAKEN_FOR_GRANTED };
    if FAULTS.load(Ordering::Relaxed) != NEVER {
        FAULTS.store(how, Ordering::Relaxed);
    }
}

/// Whether a fault of ours would reach our handler. If not, the kernel's copying calls work, but a filter of the
/// program's may forbid them, so they come second.
fn faults_are_handled() -> bool {
    match FAULTS.load(Ordering::Relaxed) {
        NEVER => false,
        TAKEN_FOR_GRANTED => true,
        _ => {
            let mask = rt_sigprocmask(MaskHow::Block, None).unwrap_or(SigSet::ALL);
            !mask.contains(SIGSEGV) && !mask.contains(SIGBUS)
        }
    }
}

/// Plain values that any bytes make.
///
/// # Safety
/// Every bit pattern is a value, and there is no padding.
pub(crate) unsafe trait Plain: Copy + Default {}

// SAFETY: integers only, no padding (layouts asserted in `midstride_os`).
unsafe impl Plain for midstride_os::signal::KernelSigaction {}
// SAFETY: as above.
unsafe impl Plain for midstride_os::signal::SignalStack {}
// SAFETY: as above.
unsafe impl Plain for midstride_os::signal::UContext {}
// SAFETY: as above.
unsafe impl Plain for midstride_os::signal::SigInfo {}

/// Reads a value of the program's.
///
/// # Errors
/// `EFAULT`.
pub(crate) fn read_value<T: Plain>(address: u64) -> Result<T, Errno> {
    let mut value = T::default();
    // SAFETY: `Plain` has no padding and allows any bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut((&raw mut value).cast::<u8>(), size_of::<T>()) };
    read_app(address, bytes)?;
    Ok(value)
}

/// Writes a value to the program's memory.
///
/// # Errors
/// `EFAULT`.
pub(crate) fn write_value<T: Plain>(address: u64, value: &T) -> Result<(), Errno> {
    // SAFETY: `Plain` has no padding.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const *value).cast::<u8>(), size_of::<T>()) };
    write_app(address, bytes)
}
