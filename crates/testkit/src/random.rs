//! Randomness that repeats.

/// A small generator for tests that want the same numbers on every run (SplitMix64).
///
/// ```
/// let mut random = midstride_testkit::Random::new(7);
/// let first = random.next_u64();
/// assert_ne!(first, random.next_u64());
/// assert_eq!(first, midstride_testkit::Random::new(7).next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// What decides first, the next byte last.
    given: Vec<u8>,
}

/// How many given bytes count in [`Random::bytes`]: about what it takes to describe an instruction.
const GIVEN_OF_BYTES: usize = 24;

impl Random {
    /// Equal seeds give equal sequences.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, given: Vec::new() }
    }

    /// Decisions are those of the bytes, one or a few for each, as long as there are any; then they follow from all
    /// of them. So whoever changes bytes, as fuzzers do, changes single decisions.
    ///
    /// ```
    /// use midstride_testkit::Random;
    ///
    /// let [mut a, mut b] = [[0, 9, 255], [0, 200, 255]].map(|bytes| Random::of_bytes(&bytes));
    /// assert_eq!([a.below(10), b.below(10)], [0, 0]);
    /// assert_ne!(a.below(10), b.below(10));
    /// assert_eq!([a.below(10), b.below(10)], [9, 9]);
    /// ```
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self { state: bytes.iter().fold(0, mixed), given: bytes.iter().rev().copied().collect() }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        if !self.given.is_empty() {
            return self.given_number(8);
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound != 0, "no number is below 0");
        let bytes = if self.given.is_empty() { 8 } else { bytes_of(bound - 1) };
        let number = if self.given.is_empty() { self.next_u64() } else { self.given_number(bytes) };
        ((u128::from(number) * u128::from(bound)) >> (8 * bytes)) as u64
    }

    /// `count` bytes, for instance to make an [`arbitrary::Unstructured`] of.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let given = self.given.split_off(self.given.len().saturating_sub(GIVEN_OF_BYTES.min(count)));
        let mut bytes: Vec<u8> = given.into_iter().rev().collect();
        let mut rest = match bytes.is_empty() {
            true => self.clone(),
            false => Self::new(bytes.iter().fold(0, mixed)),
        };
        let words = (0..(count - bytes.len()).div_ceil(8)).map(|_| rest.next_u64());
        let filling: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        if bytes.is_empty() {
            *self = rest;
        }
        bytes.extend(filling);
        bytes.truncate(count);
        bytes
    }

    /// A number of some bytes, zeros where they are used up.
    fn given_number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.given.pop().unwrap_or_default()))
    }
}

/// A step of FNV-1a.
fn mixed(hash: u64, byte: &u8) -> u64 {
    (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
}

/// How many bytes a number takes.
fn bytes_of(number: u64) -> usize {
    (8 - number.leading_zeros() as usize / 8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_values() {
        let mut random = Random::new(1);
        let mut seen = [false; 5];
        (0..200).for_each(|_| seen[random.below(5) as usize] = true);
        assert_eq!(seen, [true; 5]);
    }

    #[test]
    fn exactly_the_bytes_asked_for_come() {
        assert_eq!(Random::new(1).bytes(11).len(), 11);
        assert_eq!(Random::new(1).bytes(11), Random::new(1).bytes(16)[..11]);
    }

    #[test]
    fn given_bytes_decide_one_by_one() {
        let mut random = Random::of_bytes(&[255, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((random.below(256), random.below(3)), (255, 0));
        assert_eq!(random.next_u64(), 0x0102_0304_0506_0708);
        let then = random.next_u64();
        assert_eq!(then, Random::of_bytes(&[255, 0, 1, 2, 3, 4, 5, 6, 7, 8]).finished().next_u64());
        assert_ne!(then, Random::of_bytes(&[255, 0, 1, 2, 3, 4, 5, 6, 7, 9]).finished().next_u64());
    }

    #[test]
    fn given_bytes_come_first_and_filling_follows_from_them() {
        let given: Vec<u8> = (0..40).collect();
        let mut random = Random::of_bytes(&given);
        let bytes = random.bytes(100);
        assert_eq!((bytes.len(), &bytes[..24]), (100, &given[..24]));
        assert_eq!(random.below(256), 24, "the others are still there");
        assert_eq!(Random::of_bytes(&given[..24]).bytes(100), bytes);
    }

    impl Random {
        /// Without what is left of the given bytes.
        fn finished(mut self) -> Self {
            self.given.clear();
            self
        }
    }
}
