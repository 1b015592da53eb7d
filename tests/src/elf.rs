//! The bytes that an ELF file puts at an offset from its first mapping.

use std::fs;
use std::path::Path;

/// The loadable segments of a 64-bit little-endian ELF file.
#[derive(Clone, Debug)]
pub struct Image {
    file: Vec<u8>,
    /// Address, file offset and length of each segment.
    segments: Vec<(u64, u64, u64)>,
}

impl Image {
    /// Reads a file.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub fn read(path: &Path) -> Result<Image, String> {
        let file = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let word = |at: u64, bytes: usize| number(&file, at, bytes).ok_or("the headers are cut short");
        let (table, size, count) = (word(32, 8)?, word(54, 2)?, word(56, 2)?);
        let mut segments = Vec::new();
        for at in (0..count).map(|index| table + index * size) {
            if word(at, 4)? == 1 {
                segments.push((word(at + 16, 8)?, word(at + 8, 8)?, word(at + 32, 8)?));
            }
        }
        Ok(Image { file, segments })
    }

    /// `count` bytes at `offset` from where the first segment's page starts.
    #[must_use]
    pub fn bytes(&self, offset: u64, count: u64) -> Option<&[u8]> {
        let address = offset + (self.segments.first()?.0 & !4095);
        let inside =
            |(start, _, length): &&(u64, u64, u64)| address >= *start && address + count <= start + length;
        let (start, at, _) = self.segments.iter().find(inside)?;
        let first = usize::try_from(at + address - start).ok()?;
        self.file.get(first..first + usize::try_from(count).ok()?)
    }
}

fn number(file: &[u8], at: u64, bytes: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let slice = file.get(at..at.checked_add(bytes)?)?;
    Some(slice.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_of_a_running_program_are_its_elf_header() {
        let image = Image::read(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(image.bytes(0, 4), Some(&b"\x7fELF"[..]));
        assert_eq!(image.bytes(1 << 60, 4), None);
    }
}
