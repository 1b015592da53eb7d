//! LEB128 numbers and a reader that says where it stopped.

use alloc::vec::Vec;

/// Appends an unsigned number, 7 bits at a time, low bits first.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small magnitudes to small numbers.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// What [`zigzag`] was given.
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Bytes that do not say what they should. The owner makes it an error of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// The bytes end too early.
    Short,
    /// A number is longer or larger than its type.
    Number,
}

/// Reads from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the byte `at`; one past the end when there are fewer.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Broken> {
        let taken = self.bytes[self.at..].get(..len).ok_or(Broken::Short)?;
        self.at += len;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Broken> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Broken> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(Broken::Number);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken::Number)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Broken> {
        u32::try_from(self.u64()?).map_err(|_| Broken::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            assert_eq!(Cursor::new(&bytes, 0).u64(), Ok(value));
            assert_eq!(unzigzag(zigzag(value.cast_signed())), value.cast_signed());
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let too_large = [0xff, 0xff, 0xff, 0xff, 0x1f];
        assert_eq!(Cursor::new(&too_large, 0).u32(), Err(Broken::Number));
        assert_eq!(Cursor::new(&[0x80; 11], 0).u64(), Err(Broken::Number));
        assert_eq!(Cursor::new(&[0x80], 0).u64(), Err(Broken::Short));
        assert_eq!(Cursor::new(&[1], 5).byte(), Err(Broken::Short));
    }
}
