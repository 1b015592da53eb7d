//! The guest's memory.

use std::fmt;

/// A guest's memory: bytes from 0 on. Every pointer of the guest's comes here before it is used.
pub trait GuestMemory {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Copies bytes out of it.
    ///
    /// # Errors
    /// When not all of them are in the memory.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), OutOfBounds>;

    /// Copies bytes into it.
    ///
    /// # Errors
    /// When not all of them are in the memory; nothing is written then.
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), OutOfBounds>;
}

/// A guest's pointer that leads out of its memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfBounds {
    /// The first byte asked for.
    pub at: u64,
    /// How many.
    pub bytes: u64,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} bytes at {:#x} are not all in the guest's memory", self.bytes, self.at)
    }
}

impl core::error::Error for OutOfBounds {}

/// The range of `bytes` bytes at `at`, if it ends before `size`.
fn range(size: usize, at: u64, bytes: usize) -> Result<std::ops::Range<usize>, OutOfBounds> {
    let outside = OutOfBounds { at, bytes: bytes as u64 };
    let start = usize::try_from(at).map_err(|_| outside)?;
    let end = start.checked_add(bytes).filter(|&end| end <= size).ok_or(outside)?;
    Ok(start..end)
}

impl GuestMemory for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), OutOfBounds> {
        into.copy_from_slice(&self[range(self.len(), at, into.len())?]);
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), OutOfBounds> {
        let range = range(self.len(), at, from.len())?;
        self[range].copy_from_slice(from);
        Ok(())
    }
}

macro_rules! as_slice {
    ($([$($generics:tt)*] $owner:ty),*) => { $(
        impl<$($generics)*> GuestMemory for $owner {
            fn size(&self) -> u64 {
                self[..].size()
            }

            fn read(&self, at: u64, into: &mut [u8]) -> Result<(), OutOfBounds> {
                self[..].read(at, into)
            }

            fn write(&mut self, at: u64, from: &[u8]) -> Result<(), OutOfBounds> {
                self[..].write(at, from)
            }
        }
    )* };
}
as_slice! { [] Vec<u8>, [const N: usize] [u8; N], [] &mut [u8] }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_wrap_around_are_refused() {
        let mut memory = vec![0; 8];
        assert_eq!(memory.read(u64::MAX, &mut [0; 2]), Err(OutOfBounds { at: u64::MAX, bytes: 2 }));
        assert_eq!(memory.write(7, &[1, 2]), Err(OutOfBounds { at: 7, bytes: 2 }));
        assert_eq!(memory, [0; 8]);
    }

    #[test]
    fn nothing_can_be_read_at_the_end() {
        let memory = [0; 8];
        assert_eq!(memory.read(8, &mut []), Ok(()));
        assert_eq!(memory.read(9, &mut []), Err(OutOfBounds { at: 9, bytes: 0 }));
    }
}
