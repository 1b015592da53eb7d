//! Reading memory that may not be there.

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall6};
use crate::thread;

/// The kernel's `struct iovec`.
#[repr(C)]
struct IoVec {
    base: u64,
    bytes: u64,
}

const PAGE: u64 = 4096;

/// Copies this process's own memory from `address` on, as far as it is readable; returns how many
/// bytes that was. No fault happens and no signal comes, whatever is (not) mapped there.
///
/// Memory that another thread changes meanwhile is copied in some mixture of old and new.
///
/// # Errors
/// `EFAULT` when not even the first byte is readable; `ENOSYS` or `EPERM` where a system call filter
/// forbids process_vm_readv(2).
pub fn read_own(address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let wanted = buffer.len() as u64;
    let mut done = 0;
    while done < wanted {
        let from = address.wrapping_add(done);
        // The kernel stops at the first iovec it cannot read whole: so one call a page.
        let step = (PAGE - from % PAGE).min(wanted - done);
        match copy(from, &mut buffer[done as usize..(done + step) as usize]) {
            Ok(bytes) if bytes == step => done += step,
            Ok(bytes) => return Ok((done + bytes) as usize),
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done as usize)
}

/// One process_vm_readv of this process.
fn copy(from: u64, buffer: &mut [u8]) -> Result<u64, Errno> {
    let bytes = buffer.len() as u64;
    let local = IoVec { base: buffer.as_mut_ptr().expose_provenance() as u64, bytes };
    let remote = IoVec { base: from, bytes };
    let vectors = [&raw const local, &raw const remote].map(|v| v.expose_provenance() as u64);
    let pid = i64::from(thread::getpid()) as u64;
    // SAFETY: the kernel reads two iovecs and writes at most the buffer's length into it; it checks
    // the remote range itself.
    answer(unsafe { syscall6(nr::PROCESS_VM_READV, pid, vectors[0], 1, vectors[1], 1, 0) })
}
