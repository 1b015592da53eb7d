//! Access to the program's memory that survives a fault.
#![allow(unsafe_code, reason = "copies from and to addresses the program named")]

use core::sync::atomic::{AtomicBool, Ordering};

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

/// Whether the process's handler of faults is ours; single threads are followed without one.
static FAULTS_REACH_US: AtomicBool = AtomicBool::new(false);

/// From now on the engine's handler is called for faults.
pub(crate) fn handle_faults() {
    FAULTS_REACH_US.store(true, Ordering::Relaxed);
}

/// Whether a fault of ours would reach our handler: the program may have blocked its signals. The kernel's
/// copying calls work then, but a filter of the program's may forbid them, so they come second.
fn faults_are_handled() -> bool {
    if !FAULTS_REACH_US.load(Ordering::Relaxed) {
        return false;
    }
    let mask = rt_sigprocmask(MaskHow::Block, None).unwrap_or(SigSet::ALL);
    !mask.contains(SIGSEGV) && !mask.contains(SIGBUS)
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
