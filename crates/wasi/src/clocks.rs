//! Time as the guest sees it.

use rustix::time::{ClockId, clock_getres, clock_gettime};

use crate::errno::Errno;

/// Clocks of the interface, by their number.
const CLOCKS: [ClockId; 4] =
    [ClockId::Realtime, ClockId::Monotonic, ClockId::ProcessCPUTime, ClockId::ThreadCPUTime];

/// Number of the clock that shows the host's date.
pub(crate) const REALTIME: u32 = 0;
/// Number of the clock that only goes forward.
pub(crate) const MONOTONIC: u32 = 1;

/// What has to be added to the host's clocks.
///
/// The date is the host's. The others start at 0 with the guest, stand still while it is frozen, and go
/// on from where they were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clocks {
    /// Wrapping: what a clock shows less what the host's shows. That of the date is 0.
    offsets: [u64; 4],
}

impl Clocks {
    /// Clocks that show these times now: monotonic, of the process, of the thread.
    pub(crate) fn showing(times: [u64; 3]) -> Self {
        let mut offsets = [0; 4];
        for (number, time) in (MONOTONIC..).zip(times) {
            offsets[number as usize] = time.wrapping_sub(host(CLOCKS[number as usize]));
        }
        Self { offsets }
    }

    /// What they show.
    pub(crate) fn times(&self) -> [u64; 3] {
        [MONOTONIC, 2, 3].map(|number| self.time(number).unwrap_or(0))
    }

    /// What a clock shows, in nanoseconds.
    pub(crate) fn time(&self, number: u32) -> Result<u64, Errno> {
        let clock = *CLOCKS.get(number as usize).ok_or(Errno::Inval)?;
        Ok(host(clock).wrapping_add(self.offsets[number as usize]))
    }

    /// What the monotonic clock shows.
    pub(crate) fn monotonic(&self) -> u64 {
        host(ClockId::Monotonic).wrapping_add(self.offsets[MONOTONIC as usize])
    }
}

/// Nanoseconds between two readings of a clock.
pub(crate) fn resolution(number: u32) -> Result<u64, Errno> {
    let clock = *CLOCKS.get(number as usize).ok_or(Errno::Inval)?;
    Ok(nanoseconds(clock_getres(clock)))
}

fn host(clock: ClockId) -> u64 {
    nanoseconds(clock_gettime(clock))
}

fn nanoseconds(time: rustix::time::Timespec) -> u64 {
    crate::abi::nanoseconds(time.tv_sec, u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_goes_on_from_where_it_was() {
        let day = 86_400_000_000_000;
        let clocks = Clocks::showing([day, 2 * day, 3 * day]);
        for (number, least) in [(1, day), (2, 2 * day), (3, 3 * day)] {
            let time = clocks.time(number).unwrap();
            assert!((least..least + day).contains(&time), "clock {number}: {time}");
        }
    }

    #[test]
    fn the_date_is_the_hosts() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let shown = Clocks::showing([0; 3]).time(REALTIME).unwrap();
        assert!(shown.abs_diff(now.as_nanos() as u64) < 60_000_000_000);
    }

    #[test]
    fn a_clock_that_does_not_exist_is_invalid() {
        assert_eq!(Clocks::showing([0; 3]).time(4), Err(Errno::Inval));
        assert_eq!(resolution(u32::MAX), Err(Errno::Inval));
    }
}
