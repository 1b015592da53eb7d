//! Clocks.

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall2};

/// Seconds and nanoseconds, the kernel's `struct timespec`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(C)]
pub struct Timespec {
    /// Whole seconds.
    pub sec: i64,
    /// Nanoseconds, below 1 000 000 000.
    pub nsec: i64,
}

impl Timespec {
    /// A length of time, rounded down to nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { sec: (nanos / 1_000_000_000) as i64, nsec: (nanos % 1_000_000_000) as i64 }
    }

    /// All of it in nanoseconds, modulo 2⁶⁴.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        (self.sec as u64).wrapping_mul(1_000_000_000).wrapping_add(self.nsec as u64)
    }
}

/// Which clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
#[non_exhaustive]
pub enum Clock {
    /// Time of day.
    Realtime = 0,
    /// Time since some point in the past.
    Monotonic = 1,
    /// Processor time of this process.
    ProcessCpu = 2,
    /// Processor time of this thread.
    ThreadCpu = 3,
}

/// Reads a clock by a real system call (not through the vdso).
///
/// # Errors
/// As clock_gettime(2).
pub fn clock_gettime(clock: Clock) -> Result<Timespec, Errno> {
    read(clock as u64)
}

/// Processor time of a thread of this process.
///
/// ```
/// use midstride_os::thread::gettid;
/// use midstride_os::time::{Clock, clock_gettime, thread_cpu_time};
///
/// let before = clock_gettime(Clock::ThreadCpu)?;
/// assert!(thread_cpu_time(gettid())? >= before);
/// # Ok::<(), midstride_os::Errno>(())
/// ```
///
/// # Errors
/// `EINVAL` when there is no such thread.
pub fn thread_cpu_time(tid: i32) -> Result<Timespec, Errno> {
    /// Of a thread (4), as the scheduler counts it (2).
    const KIND: i32 = 6;
    read(i64::from(!tid << 3 | KIND).cast_unsigned())
}

fn read(clock: u64) -> Result<Timespec, Errno> {
    let mut time = Timespec::default();
    let to = (&raw mut time).expose_provenance() as u64;
    // SAFETY: the kernel writes one `struct timespec`.
    answer(unsafe { syscall2(nr::CLOCK_GETTIME, clock, to) })?;
    Ok(time)
}
