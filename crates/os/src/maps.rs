//! `/proc/self/maps`, parsed where it was read to.

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
