//! Reading across the end of what is mapped.

use midstride_os::mem::{Backing, MapFlags, Prot, mmap, mprotect, munmap};
use midstride_os::probe::{copy_guarded, fault_fixup, read_own};
use midstride_os::signal::{
    KernelSigaction, SA_RESTORER, SA_SIGINFO, SIGSEGV, SigInfo, SigSet, UContext, rt_sigaction, rt_sigreturn,
};
use midstride_os::{Errno, thread::exit_group};

use crate::common::in_child;

const PAGE: u64 = 4096;

/// `readable` pages of 0x5a, then pages without access; all gone when dropped.
struct Cliff {
    start: u64,
    edge: u64,
    bytes: u64,
}

impl Cliff {
    fn new(readable: u64) -> Self {
        let bytes = (readable + 2) * PAGE;
        let prot = Prot::READ | Prot::WRITE;
        // SAFETY: a free place is chosen.
        let start = unsafe { mmap(0, bytes, prot, MapFlags::PRIVATE, Backing::Anonymous) }.unwrap();
        let edge = start + readable * PAGE;
        // SAFETY: mapped just now.
        unsafe { std::ptr::write_bytes(start as *mut u8, 0x5a, (edge - start) as usize) };
        // SAFETY: nobody uses these pages.
        unsafe { mprotect(edge, 2 * PAGE, Prot::NONE) }.unwrap();
        Self { start, edge, bytes }
    }
}

impl Drop for Cliff {
    fn drop(&mut self) {
        // SAFETY: this test's own mapping.
        unsafe { munmap(self.start, self.bytes) }.unwrap();
    }
}

#[test]
fn reading_stops_exactly_at_the_last_readable_byte() {
    let cliff = Cliff::new(40);
    let mut buffer = vec![0; 50 * PAGE as usize];
    for before in [1, 15, PAGE, PAGE + 1, 16 * PAGE, 17 * PAGE + 5, 40 * PAGE] {
        buffer.fill(0);
        assert_eq!(read_own(cliff.edge - before, &mut buffer), Ok(before as usize));
        assert!(buffer[..before as usize].iter().all(|&byte| byte == 0x5a));
        assert!(buffer[before as usize..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn reading_as_much_as_there_is_reads_it_all() {
    let cliff = Cliff::new(33);
    let mut buffer = vec![0; 33 * PAGE as usize];
    assert_eq!(read_own(cliff.start, &mut buffer), Ok(buffer.len()));
    assert_eq!(read_own(cliff.start + 1, &mut buffer[..100]), Ok(100));
    assert_eq!(read_own(cliff.edge, &mut []), Ok(0));
}

#[test]
fn nothing_readable_is_an_error() {
    let cliff = Cliff::new(1);
    let mut byte = [0];
    for address in [cliff.edge, 0, 0xffff_8000_0000_0000, u64::MAX, 0x8000_0000_0000_0000] {
        assert_eq!(read_own(address, &mut byte), Err(Errno::EFAULT), "{address:#x}");
    }
}

/// # Safety
/// Only the kernel calls it.
unsafe extern "C" fn resume(_: i32, _: *const SigInfo, ucontext: *mut UContext) {
    // SAFETY: the kernel passes a valid pointer.
    let mcontext = unsafe { &mut (*ucontext).mcontext };
    match fault_fixup(mcontext.rip) {
        Some(pc) => mcontext.rip = pc,
        None => exit_group(77),
    }
}

fn resume_faults() {
    let action = KernelSigaction {
        handler: resume as *const () as u64,
        flags: SA_SIGINFO | SA_RESTORER,
        restorer: rt_sigreturn as *const () as u64,
        mask: SigSet::EMPTY,
    };
    // SAFETY: the handler resumes guarded copies and ends the process on all other faults.
    unsafe { rt_sigaction(SIGSEGV, Some(&action)) }.unwrap();
}

#[test]
fn a_guarded_copy_stops_exactly_at_the_last_readable_byte() {
    let cliff = Cliff::new(2);
    in_child(|| {
        resume_faults();
        let mut buffer = [0; 3 * PAGE as usize];
        for before in [0, 1, 63, PAGE + 1, 2 * PAGE] {
            buffer.fill(0);
            // SAFETY: faults are resumed by the handler above.
            let read = unsafe { copy_guarded(cliff.edge - before, &mut buffer) };
            assert_eq!(read as u64, before);
            assert!(buffer[..read].iter().all(|&byte| byte == 0x5a) && buffer[read] == 0);
        }
        // SAFETY: as above.
        let nothing = unsafe { copy_guarded(0x8000_0000_0000_0000, &mut buffer) };
        assert_eq!(nothing, 0, "an address that is none");
    });
}

#[test]
fn other_faults_are_nobodys_fixup() {
    for pc in [0, copy_guarded as *const () as u64, fault_fixup as *const () as u64] {
        assert_eq!(fault_fixup(pc), None);
    }
}
