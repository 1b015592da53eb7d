//! Access to the program's memory that survives a fault.
#![allow(unsafe_code, reason = "copies from and to addresses the program named")]

use core::arch::naked_asm;

use midstride_os::Errno;

/// Copies `bytes` bytes and answers how many were left when it faulted: the engine's signal handler steps over the
/// copying instruction ([`is_guarded`]).
///
/// # Safety
/// Whichever of `to` and `from` is the engine's is valid for `bytes`; the other may be anything.
#[unsafe(naked)]
unsafe extern "C" fn guarded_copy(to: u64, from: u64, bytes: u64) -> u64 {
    naked_asm!("mov rcx, rdx", "rep movsb", "mov rax, rcx", "ret")
}

/// Bytes of `mov rcx, rdx`, behind which the copying instruction lies, and of that.
const COPY_AT: u64 = 3;
const COPY_BYTES: u64 = 2;

/// If a fault at `pc` happened in a guarded copy: where to go on.
pub(crate) fn is_guarded(pc: u64) -> Option<u64> {
    let copy = guarded_copy as *const () as u64 + COPY_AT;
    (pc == copy).then_some(copy + COPY_BYTES)
}

/// Writes `bytes` to the program's memory at `address`.
///
/// # Errors
/// `EFAULT` when not all of it is writable; a part may then have been written.
pub(crate) fn write_app(address: u64, bytes: &[u8]) -> Result<(), Errno> {
    let from = bytes.as_ptr().expose_provenance() as u64;
    // SAFETY: the source is a slice; the program named the destination as a place for an answer, or
    // it is its stack below what it uses.
    match unsafe { guarded_copy(address, from, bytes.len() as u64) } {
        0 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// Reads the program's memory at `address`.
///
/// # Errors
/// `EFAULT` when not all of it is readable; `bytes` is then partly overwritten.
pub(crate) fn read_app(address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
    let to = bytes.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the destination is a slice of this length.
    match unsafe { guarded_copy(to, address, bytes.len() as u64) } {
        0 => Ok(()),
        _ => Err(Errno::EFAULT),
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
