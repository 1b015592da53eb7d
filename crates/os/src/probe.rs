//! Reading and writing memory that may not be there.
//!
//! Two ways: [`read_own`] asks the kernel, needs nothing and can be forbidden by a system call filter;
//! [`copy_guarded`] simply reads and relies on the process's fault handler.

use core::arch::naked_asm;

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall6};
use crate::thread;

/// The kernel's `struct iovec`.
#[derive(Clone, Copy)]
#[repr(C)]
struct IoVec {
    base: u64,
    bytes: u64,
}

const PAGE: u64 = 4096;
/// Pages copied by one system call.
const PAGES: usize = 16;

/// Copies this process's own memory from `address` on, as far as it is readable; returns how many
/// bytes that was. No fault happens and no signal comes, whatever is (not) mapped there.
///
/// Memory that another thread changes meanwhile is copied in some mixture of old and new. Pages that
/// are mapped executable only are not readable. Memory of an address up to which `address` plus the
/// length wraps around is not there.
///
/// ```
/// let text = *b"program";
/// let mut copy = [0; 7];
/// let read = midstride_os::probe::read_own(text.as_ptr() as u64, &mut copy)?;
/// assert_eq!((read, copy), (7, text));
/// assert!(midstride_os::probe::read_own(0, &mut copy).is_err());
/// # Ok::<(), midstride_os::Errno>(())
/// ```
///
/// # Errors
/// `EFAULT` when not even the first byte is readable; `ENOSYS` or `EPERM` where a system call filter
/// forbids process_vm_readv(2).
pub fn read_own(address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    read_process(thread::getpid(), address, buffer)
}

/// [`read_own`] for any process.
pub(crate) fn read_process(pid: i32, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < buffer.len() {
        let rest = &mut buffer[done..];
        let (wanted, read) = match read_pages(pid, address.wrapping_add(done as u64), rest) {
            Ok(counts) => counts,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        done += read;
        if read < wanted {
            break;
        }
    }
    Ok(done)
}

/// Copies to this process's own memory from `address` on, as far as it is writable; returns how many
/// bytes that was. No fault happens and no signal comes, whatever is (not) mapped there.
///
/// ```
/// let mut place = [0u8; 3];
/// let address = place.as_mut_ptr().expose_provenance() as u64;
/// // SAFETY: `place` is ours, and is looked at again only afterwards.
/// assert_eq!(unsafe { midstride_os::probe::write_own(address, &[1, 2, 3]) }, Ok(3));
/// assert_eq!(core::hint::black_box(place), [1, 2, 3]);
/// // SAFETY: nothing is there.
/// assert!(unsafe { midstride_os::probe::write_own(0, &[1]) }.is_err());
/// ```
///
/// # Errors
/// `EFAULT` when not even the first byte is writable; `ENOSYS` or `EPERM` where a system call filter
/// forbids process_vm_writev(2).
///
/// # Safety
/// What is writable there is the caller's to change.
pub unsafe fn write_own(address: u64, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    unsafe { write_process(thread::getpid(), address, bytes) }
}

/// [`write_own`] for any process.
///
/// # Safety
/// What is writable there is the caller's to change.
pub(crate) unsafe fn write_process(pid: i32, address: u64, bytes: &[u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < bytes.len() {
        let rest = &bytes[done..];
        let (remote, count, wanted) = pages(address.wrapping_add(done as u64), rest.len() as u64);
        let local = IoVec { base: rest.as_ptr().expose_provenance() as u64, bytes: wanted };
        // SAFETY: the kernel reads `local`, part of a buffer that is borrowed here, and writes to what is
        // the caller's.
        let written = unsafe { process_vm(nr::PROCESS_VM_WRITEV, pid, local, &remote[..count]) };
        let written = match written {
            Ok(written) => written,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        done += written as usize;
        if written < wanted {
            break;
        }
    }
    Ok(done)
}

/// One process_vm_readv of up to [`PAGES`] pages; returns how many bytes were wanted and read.
fn read_pages(pid: i32, from: u64, buffer: &mut [u8]) -> Result<(usize, usize), Errno> {
    let (remote, count, wanted) = pages(from, buffer.len() as u64);
    let local = IoVec { base: buffer.as_mut_ptr().expose_provenance() as u64, bytes: wanted };
    // SAFETY: the kernel writes to `local`, part of a buffer that is borrowed mutably here, and to
    // nothing else.
    let read = unsafe { process_vm(nr::PROCESS_VM_READV, pid, local, &remote[..count]) }?;
    Ok((wanted as usize, read as usize))
}

/// The first pieces of a range, their number, and the bytes in them. The kernel transfers whole iovecs
/// only: one for each page, so that it stops at the exact one.
fn pages(from: u64, bytes: u64) -> ([IoVec; PAGES], usize, u64) {
    let mut pieces = [IoVec { base: 0, bytes: 0 }; PAGES];
    let (mut count, mut wanted) = (0, 0);
    while count < PAGES && wanted < bytes {
        let base = from.wrapping_add(wanted);
        let piece = (PAGE - base % PAGE).min(bytes - wanted);
        pieces[count] = IoVec { base, bytes: piece };
        (count, wanted) = (count + 1, wanted + piece);
    }
    (pieces, count, wanted)
}

/// Transfers between `local` and `remote` ranges of a process, which the kernel checks.
///
/// # Safety
/// What the call `nr` reads and writes of either is the caller's.
unsafe fn process_vm(nr: u64, pid: i32, local: IoVec, remote: &[IoVec]) -> Result<u64, Errno> {
    let pid = i64::from(pid) as u64;
    let local_at = (&raw const local).expose_provenance() as u64;
    let remote_at = remote.as_ptr().expose_provenance() as u64;
    let count = remote.len() as u64;
    // SAFETY: the caller's contract; the vectors themselves are only read.
    answer(unsafe { syscall6(nr, pid, local_at, 1, remote_at, count, 0) })
}

/// Copies like [`read_own`], without a system call and with at most one fault; returns how many bytes
/// were readable.
///
/// # Safety
/// Every handler of SIGSEGV and SIGBUS that can run in this thread passes the interrupted rip through
/// [`fault_fixup`] and, when that answers, continues there; neither signal is blocked. The buffer does
/// not overlap what is read.
pub unsafe fn copy_guarded(address: u64, buffer: &mut [u8]) -> usize {
    // SAFETY: writes stay in the buffer; a fault of a read is resumed, says the caller.
    let left = unsafe { copy(buffer.as_mut_ptr(), address, buffer.len()) };
    buffer.len() - left
}

/// Writes `bytes` to memory that may not be there or not be writable; returns how many were written.
///
/// # Safety
/// As for [`copy_guarded`]; and whoever owns the memory at `address` expects it to be written.
pub unsafe fn store_guarded(address: u64, bytes: &[u8]) -> usize {
    let to = core::ptr::with_exposed_provenance_mut(address as usize);
    let from = bytes.as_ptr().expose_provenance() as u64;
    // SAFETY: reads stay in the slice; a fault of a write is resumed, says the caller.
    let left = unsafe { copy(to, from, bytes.len()) };
    bytes.len() - left
}

/// Where to go on after a fault at `pc`, when that is the one instruction of [`copy_guarded`] and
/// [`store_guarded`] that may fault. Registers stay as they are.
#[must_use]
pub fn fault_fixup(pc: u64) -> Option<u64> {
    let start = copy as *const () as u64;
    (pc == start + COPY_AT).then_some(start + RESUME_AT)
}

/// Bytes of `mov rcx, rdx` in [`copy`]: both of its encodings have three.
const COPY_AT: u64 = 3;
/// Behind the two bytes of `rep movsb`.
const RESUME_AT: u64 = COPY_AT + 2;

/// Copies upwards; returns how many bytes are left, which rcx counts even across a fault.
///
/// # Safety
/// As for [`copy_guarded`].
#[unsafe(naked)]
unsafe extern "C" fn copy(to: *mut u8, from: u64, bytes: usize) -> usize {
    naked_asm!("mov rcx, rdx", "rep movsb", "mov rax, rcx", "ret")
}
