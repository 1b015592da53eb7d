//! Hashing of addresses.

use core::hash::{BuildHasher, Hasher};

/// Multiplicative (Fibonacci) hashing of one 64-bit number. Program addresses are not chosen by an
/// enemy of the table: a program can only slow itself down.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct PcHasher;

/// 2⁶⁴ divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Default)]
pub(crate) struct PcHash(u64);

impl Hasher for PcHash {
    fn finish(&self) -> u64 {
        // hashbrown takes its tag from the top bits and its index from the low ones.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(FACTOR);
    }
}

impl BuildHasher for PcHasher {
    type Hasher = PcHash;

    fn build_hasher(&self) -> PcHash {
        PcHash::default()
    }
}
