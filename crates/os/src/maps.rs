//! `/proc/self/maps`, parsed where it was read to.

use crate::errno::Errno;
use crate::file;
use crate::mem::Prot;

/// One mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapEntry<'a> {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
    /// What it allows.
    pub prot: Prot,
    /// Whether writes are shared.
    pub sharing: Sharing,
    /// Where in the file it starts, in bytes.
    pub offset: u64,
    /// Number of the file on its device, 0 for none.
    pub inode: u64,
    /// The path, `[heap]` and the like, or nothing. The kernel writes a newline in it as `\012`, and
    /// appends ` (deleted)` for a file without a name.
    pub path: &'a [u8],
}

/// Who sees writes to a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// This process only.
    Private,
    /// Everyone who maps the object.
    Shared,
}

/// The entries of a piece of `/proc/self/maps`. Lines that are no entries are left out, a last line
/// without its newline as well ([`rest`](MapEntries::rest) returns it).
#[derive(Clone, Debug)]
pub struct MapEntries<'a> {
    bytes: &'a [u8],
}

impl<'a> MapEntries<'a> {
    /// Reads entries from `bytes`.
    ///
    /// ```
    /// use midstride_os::maps::MapEntries;
    ///
    /// let text = b"00400000-00452000 r-xp 00001000 08:02 173521     /usr/bin/true\n00452000-";
    /// let mut entries = MapEntries::new(text);
    /// let entry = entries.next().unwrap();
    /// assert_eq!((entry.start, entry.end, entry.offset), (0x40_0000, 0x45_2000, 0x1000));
    /// assert_eq!(entry.path, b"/usr/bin/true");
    /// assert_eq!((entries.next(), entries.rest()), (None, &b"00452000-"[..]));
    /// ```
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What was not read yet. At the end: the beginning of a line that goes on in the next piece.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for MapEntries<'a> {
    type Item = MapEntry<'a>;

    fn next(&mut self) -> Option<MapEntry<'a>> {
        loop {
            let end = self.bytes.iter().position(|&byte| byte == b'\n')?;
            let (line, rest) = self.bytes.split_at(end);
            self.bytes = &rest[1..];
            if let Some(entry) = parse(line) {
                return Some(entry);
            }
        }
    }
}

/// Reads `/proc/self/maps` through `buffer` and calls `visit` with each entry, ascending.
///
/// A descriptor is open meanwhile. Mappings that change while the file is read may be missed or seen
/// twice; 8 KiB of buffer hold any line.
///
/// # Errors
/// As openat(2) and read(2); `ENOBUFS` when a line is longer than the buffer.
pub fn for_each_mapping(buffer: &mut [u8], mut visit: impl FnMut(MapEntry<'_>)) -> Result<(), Errno> {
    let fd = file::openat(file::AT_FDCWD, c"/proc/self/maps", file::O_RDONLY | file::O_CLOEXEC, 0)?;
    let visited = visit_all(fd, buffer, &mut visit);
    file::close(fd)?;
    visited
}

/// Reads a descriptor to its end, a buffer at a time.
fn visit_all(fd: i32, buffer: &mut [u8], visit: &mut dyn FnMut(MapEntry<'_>)) -> Result<(), Errno> {
    let mut kept = 0;
    loop {
        if kept == buffer.len() {
            return Err(Errno::ENOBUFS);
        }
        let filled = kept + file::read(fd, &mut buffer[kept..])?;
        if filled == kept {
            return Ok(());
        }
        let mut entries = MapEntries::new(&buffer[..filled]);
        entries.by_ref().for_each(&mut *visit);
        kept = entries.rest().len();
        buffer.copy_within(filled - kept..filled, 0);
    }
}

/// `start-end perms offset major:minor inode   path`, numbers in hex but for the inode.
fn parse(line: &[u8]) -> Option<MapEntry<'_>> {
    let (start, rest) = number(line, 16, b'-')?;
    let (end, rest) = number(rest, 16, b' ')?;
    let (perms, rest) = rest.split_at_checked(5)?;
    let (offset, rest) = number(rest, 16, b' ')?;
    let (_major, rest) = number(rest, 16, b':')?;
    let (_minor, rest) = number(rest, 16, b' ')?;
    let digits = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
    let inode = value(&rest[..digits], 10)?;
    let path = rest[digits..].trim_ascii_start();
    let sharing = if perms[3] == b's' { Sharing::Shared } else { Sharing::Private };
    (start < end).then_some(MapEntry { start, end, prot: prot(perms), sharing, offset, inode, path })
}

fn prot(perms: &[u8]) -> Prot {
    let bits = [(b'r', Prot::READ), (b'w', Prot::WRITE), (b'x', Prot::EXEC)];
    let set = bits.iter().zip(perms).filter(|((letter, _), byte)| letter == *byte);
    set.fold(Prot::NONE, |all, ((_, bit), _)| all | *bit)
}

/// A number up to `stop`, and what follows that byte.
fn number(bytes: &[u8], radix: u32, stop: u8) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == stop)?;
    Some((value(&bytes[..end], radix)?, &bytes[end + 1..]))
}

fn value(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = (digit as char).to_digit(radix)?;
        value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn entries(text: &str) -> Vec<MapEntry<'_>> {
        MapEntries::new(text.as_bytes()).collect()
    }

    #[test]
    fn every_kind_of_line_is_read() {
        let all = entries(concat!(
            "55e0c0a00000-55e0c0a02000 rw-p 00000000 00:00 0 \n",
            "7f0000000000-7f0000001000 r-xs 00000000 00:01 2048                       /dev/zero (deleted)\n",
            "7ffc0a000000-7ffc0a021000 rw-p 00000000 00:00 0                          [stack]\n",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
        ));
        let paths: Vec<_> = all.iter().map(|entry| entry.path).collect();
        assert_eq!(paths, [&b""[..], b"/dev/zero (deleted)", b"[stack]", b"[vsyscall]"]);
        let prots = all.iter().map(|entry| entry.prot.bits()).collect::<Vec<_>>();
        assert_eq!(prots, [3, 5, 3, 4]);
        assert_eq!((all[1].sharing, all[1].inode), (Sharing::Shared, 2048));
        assert_eq!((all[0].sharing, all[3].end), (Sharing::Private, 0xffff_ffff_ff60_1000));
    }

    #[test]
    fn lines_that_are_no_entries_are_left_out() {
        let good = "1000-2000 r--p 0 00:00 0 \n";
        for bad in [
            "",
            "-",
            "x",
            "1000",
            "1000-2000 ",
            "2000-1000 r--p 0 00:00 0",
            "1000-2000 r--p 0 0:0 ",
            "g-h rwxp 0 0:0 0",
        ] {
            let text = std::format!("{bad}\n{good}{bad}\n");
            assert_eq!(entries(&text).len(), 1, "{bad:?}");
        }
        assert_eq!(entries("11112222333344445-0 r--p 0 0:0 0\n").len(), 0, "too many digits");
    }

    #[test]
    fn every_cut_of_a_line_is_harmless() {
        let line = "55e0c0a00000-55e0c0a02000 rw-p 00000000 08:02 17 /usr/bin/env";
        for end in 0..=line.len() {
            let text = std::format!("{}\n", &line[..end]);
            assert!(entries(&text).len() <= 1);
            assert_eq!(MapEntries::new(&text.as_bytes()[..end]).count(), 0, "no newline yet");
        }
    }
}
