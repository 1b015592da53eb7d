//! The memfd and the one page of it that the host keeps mapped.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use midstride_tracer_abi::{CONTROL_BYTES, Control};

use super::check;

/// Makes an anonymous file in memory that is closed at exec.
pub(crate) fn create_memfd(name: &CStr) -> io::Result<File> {
    // SAFETY: `name` is a terminated string; the kernel reads it and writes nothing.
    let fd = check(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the kernel just made this descriptor, so nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd as i32) })
}

/// Where in this program's file the byte lies that is loaded at `address`; `None` when it is not of the program
/// itself.
pub(crate) fn offset_in_program(address: u64) -> Option<u64> {
    // SAFETY: only asks.
    let (table, count) = unsafe { (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_PHNUM)) };
    let table = std::ptr::with_exposed_provenance::<libc::Elf64_Phdr>(table as usize);
    if table.is_null() {
        return None;
    }
    // SAFETY: the kernel's word for the program headers, which stay mapped and are not written.
    let headers = unsafe { std::slice::from_raw_parts(table, count as usize) };
    let own = headers.iter().find(|header| header.p_type == libc::PT_PHDR);
    // Programs without that header are not moved.
    let moved = own.map_or(0, |own| (table.addr() as u64).wrapping_sub(own.p_vaddr));
    let at = address.wrapping_sub(moved);
    let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let offset = |header: &libc::Elf64_Phdr| {
        let inside = at.checked_sub(header.p_vaddr).filter(|&inside| inside < header.p_filesz)?;
        header.p_offset.checked_add(inside)
    };
    loaded.filter_map(offset).next()
}

/// The mapped control block of a channel.
pub(crate) struct ControlMap {
    at: NonNull<Control>,
}

impl ControlMap {
    /// Maps the control block at the start of `file`, which must be at least [`CONTROL_BYTES`] long.
    ///
    /// # Errors
    /// The kernel's; `UnexpectedEof` when the file is too short.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < CONTROL_BYTES {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let at =
            unsafe { libc::mmap(null_mut(), CONTROL_BYTES as usize, protection, flags, file.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(at.cast()).map(|at| Self { at }).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// The control block. Other processes change it at any time.
    pub(crate) fn get(&self) -> &Control {
        // SAFETY: `at` is the page-aligned start of a mapping that `self` owns, at least as long as a
        // `Control` (asserted in the abi crate) and backed by the file (checked in `new`). A `Control`
        // holds atomics only, for which every bit pattern is valid and other processes' stores are no
        // data races.
        unsafe { self.at.as_ref() }
    }
}

impl Drop for ControlMap {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new` and all borrows of it end with `self`.
        unsafe { libc::munmap(self.at.as_ptr().cast(), CONTROL_BYTES as usize) };
    }
}

/// Sleeps while `word` is `expected`, until woken, interrupted by a signal, or `timeout` has passed.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let time = timeout.map(|time| libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(null(), std::ptr::from_ref);
    // SAFETY: `word` and the optional timespec live across the call; the kernel only reads them.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, time) };
}

/// Wakes everybody who sleeps on `word`, in all processes.
pub(crate) fn futex_wake(word: &AtomicU32) {
    // SAFETY: `word` lives across the call; the kernel uses its address only.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// Does `work` under the hard limit of file sizes in bytes, which it is given: the soft one, which may be
/// low, is the program's business.
pub(crate) fn with_hard_file_size_limit<T>(work: impl FnOnce(u64) -> T) -> T {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit` to `old`, which lives across the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut old) } != 0 || old.rlim_cur == old.rlim_max {
        return work(old.rlim_max);
    }
    let raised = libc::rlimit { rlim_cur: old.rlim_max, ..old };
    // SAFETY: the kernel reads one `rlimit`; raising a soft limit to the hard one is always permitted.
    unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raised) };
    let result = work(old.rlim_max);
    // SAFETY: as above.
    unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &old) };
    result
}
