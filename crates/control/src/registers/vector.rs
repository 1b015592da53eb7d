//! Vector registers.

use core::fmt;

/// A vector register of 64 bytes; xmm and ymm are its lower 16 and 32.
///
/// ```
/// use midstride_control::Vector;
///
/// let mut zmm = Vector::default();
/// zmm.set_lane(3, 1.5f32);
/// assert_eq!(zmm.lane::<f32>(3), 1.5);
/// assert_eq!(zmm.lane::<u128>(0), 0x3fc0_0000 << 96);
/// assert_eq!(zmm.lanes::<u64>().count(), 8);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C, align(64))]
pub struct Vector(pub [u8; 64]);

impl Default for Vector {
    fn default() -> Self {
        Self([0; 64])
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A number that vector registers are divided into.
pub trait Lane: Copy + sealed::Sealed {
    /// Its size in bytes.
    const BYTES: usize;

    /// The number at the start of `bytes`, lowest byte first.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Self;

    /// Writes the number to the start of `bytes`.
    #[doc(hidden)]
    fn write(self, bytes: &mut [u8]);
}

macro_rules! lanes {
    ($($lane:ty)*) => {
        $(
            impl sealed::Sealed for $lane {}

            impl Lane for $lane {
                const BYTES: usize = size_of::<$lane>();

                fn read(bytes: &[u8]) -> Self {
                    let mut own = [0; size_of::<$lane>()];
                    own.copy_from_slice(&bytes[..Self::BYTES]);
                    Self::from_le_bytes(own)
                }

                fn write(self, bytes: &mut [u8]) {
                    bytes[..Self::BYTES].copy_from_slice(&self.to_le_bytes());
                }
            }
        )*
    };
}

lanes!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64);

impl Vector {
    /// A register with the same number in each lane.
    #[must_use]
    pub fn splat<L: Lane>(value: L) -> Self {
        let mut all = Self::default();
        (0..64 / L::BYTES).for_each(|index| all.set_lane(index, value));
        all
    }

    /// The number in a lane, counted from the lowest.
    ///
    /// # Panics
    /// When there is no such lane.
    #[must_use]
    pub fn lane<L: Lane>(&self, index: usize) -> L {
        L::read(&self.0[index * L::BYTES..])
    }

    /// Replaces the number in a lane.
    ///
    /// # Panics
    /// When there is no such lane.
    pub fn set_lane<L: Lane>(&mut self, index: usize, value: L) {
        value.write(&mut self.0[index * L::BYTES..]);
    }

    /// All lanes, the lowest first.
    pub fn lanes<L: Lane>(&self) -> impl ExactSizeIterator<Item = L> {
        self.0.chunks_exact(L::BYTES).map(L::read)
    }

    /// How many of its bytes, 16, 32 or 64, hold everything that is not zero in `self` or differs.
    pub(crate) fn width_with(&self, other: &Self) -> usize {
        let used = |from: usize| self.0[from..] != other.0[from..];
        if used(32) {
            64
        } else if used(16) {
            32
        } else {
            16
        }
    }
}

/// Hexadecimal, highest byte first, in groups of 8 bytes. The precision is the number of bytes.
impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = f.precision().unwrap_or(64).clamp(8, 64) / 8;
        for index in (0..words).rev() {
            let separator = if index > 0 { "_" } else { "" };
            write!(f, "{:016x}{separator}", self.lane::<u64>(index))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
