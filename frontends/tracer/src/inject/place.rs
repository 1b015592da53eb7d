//! Finding room for the runtime in a new program's address space.

use std::fs;
use std::io;

use crate::sys::Pid;

/// Addresses that fit a sign-extended 32-bit operand.
const LOW_END: u64 = 0x8000_0000;
/// Below this lie null pointers and what `vm.mmap_min_addr` guards.
const LOWEST: u64 = 0x1_0000;
/// End of what a program can map.
const HIGH_END: u64 = 0x7fff_ffff_f000;
/// Room left free above a mapping, for a heap or stack that grows.
const MARGIN: u64 = 1 << 20;

/// The lines of `/proc/pid/maps` that are of executable memory.
pub(super) fn executable_lines(pid: Pid) -> io::Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    Ok(executable(&text))
}

fn executable(text: &str) -> String {
    let is_code = |line: &&str| line.split(' ').nth(1).is_some_and(|allowed| allowed.contains('x'));
    text.split_inclusive('\n').filter(is_code).collect()
}

/// The mapped ranges of a process, ascending.
pub(super) struct Maps {
    ranges: Vec<(u64, u64)>,
}

impl Maps {
    /// Reads the mappings of process `pid`.
    pub(super) fn read(pid: Pid) -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string(format!("/proc/{pid}/maps"))?))
    }

    fn parse(text: &str) -> Self {
        let range = |line: &str| {
            let (start, end) = line.split_once(' ')?.0.split_once('-')?;
            Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
        };
        Self { ranges: text.lines().filter_map(range).collect() }
    }

    /// The highest free place for `bytes` below 2 GiB, or failing that the lowest above.
    pub(super) fn find_room(&self, bytes: u64) -> Option<u64> {
        let gaps = || {
            let starts = std::iter::once(LOWEST).chain(self.ranges.iter().map(|range| range.1 + MARGIN));
            let ends = self.ranges.iter().map(|range| range.0).chain([HIGH_END]);
            starts.zip(ends)
        };
        let low = gaps()
            .map(|(start, end)| (start, end.min(LOW_END)))
            .filter(|(start, end)| start + bytes <= *end)
            .last()
            .map(|(_, end)| (end - bytes) & !0xfff);
        low.or_else(|| gaps().find(|(start, end)| start + bytes <= *end).map(|(start, _)| start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_executable_memory_are_kept_whole() {
        let vdso = "7ffff7fc0000-7ffff7fc2000 r-xp 00000000 00:00 0 [vdso]\n";
        let code = "00400000-00401000 r-xp 00000000 08:01 17 /bin/x\n";
        assert_eq!(executable(NON_PIE), [code, vdso].concat());
        assert_eq!(executable("00400000-00401000 rw-p 00000000 08:01 17 /bin/r-x\n"), "");
    }

    const NON_PIE: &str = "00400000-00401000 r-xp 00000000 08:01 17 /bin/x\n\
                           68000000-68010000 r--p 00000000 08:01 17 /bin/x\n\
                           7fffe000-7ffff000 rw-p 00000000 00:00 0 [heap]\n\
                           7ffff7fc0000-7ffff7fc2000 r-xp 00000000 00:00 0 [vdso]\n";

    #[test]
    fn the_highest_low_gap_is_taken() {
        let start = Maps::parse(NON_PIE).find_room(0x10_0000).unwrap();
        assert_eq!(start, 0x7fff_e000 - 0x10_0000);
    }

    #[test]
    fn a_full_low_half_sends_it_above() {
        let maps = Maps::parse("00010000-80000000 rw-p 00000000 00:00 0\n");
        assert_eq!(maps.find_room(0x1000), Some(0x8000_0000 + MARGIN));
    }

    #[test]
    fn lines_that_are_no_mappings_are_skipped() {
        assert_eq!(Maps::parse("garbage\nzz-00 r\n").ranges, []);
    }
}
