//! What several tests need.

use midstride_addr::{AppPc, AppRange};
use midstride_os::thread::exit_group;
use midstride_os::{answer, nr, syscall0, syscall1, syscall4};
use midstride_slab::{Place, Sizes};

pub(crate) fn range(start: u64, end: u64) -> AppRange {
    AppRange::new(AppPc::new(start), AppPc::new(end))
}

/// Beside this test program's code.
pub(crate) fn near_here() -> Place<'static> {
    let here = near_here as *const () as u64;
    Place::near(range(here, here + 4096))
}

pub(crate) fn small() -> Sizes {
    Sizes { hot: 128 << 10, cold: 64 << 10, data: 64 << 10 }
}

/// A child process; it must not allocate, since other threads may hold the allocator's lock.
pub(crate) fn fork() -> i32 {
    // SAFETY: the child only makes system calls and touches its own memory until it ends.
    answer(unsafe { syscall0(nr::FORK) }).expect("fork") as i32
}

/// Waits for a child's end; its exit status, or 128 and the signal that ended it.
pub(crate) fn wait_for(pid: i32) -> i32 {
    let mut status = 0i32;
    let to = (&raw mut status).expose_provenance() as u64;
    // SAFETY: the kernel writes one status word.
    let raw = unsafe { syscall4(nr::WAIT4, pid as u64, to, 0, 0) };
    assert_eq!(raw, i64::from(pid));
    if status & 0x7f == 0 { status >> 8 } else { 128 + (status & 0x7f) }
}

/// Runs `check` in a child process of its own, which a failed check ends by a panic.
pub(crate) fn in_child(check: impl FnOnce()) {
    let pid = fork();
    if pid == 0 {
        // A failed check allocates, which may hang in a child of a process with threads.
        // SAFETY: no memory is involved.
        unsafe { syscall1(nr::ALARM, 60) };
        check();
        exit_group(0);
    }
    assert_eq!(wait_for(pid), 0, "the check in the child failed");
}

/// Address space of a process, in bytes.
pub(crate) const RLIMIT_AS: u64 = 9;
/// Size of a core file, in bytes.
pub(crate) const RLIMIT_CORE: u64 = 4;

/// Sets a resource limit of this process.
pub(crate) fn limit(resource: u64, value: u64) {
    let both = [value, value];
    let at = (&raw const both).expose_provenance() as u64;
    // SAFETY: the kernel reads the two words.
    assert_eq!(unsafe { syscall4(nr::PRLIMIT64, 0, resource, at, 0) }, 0);
}
