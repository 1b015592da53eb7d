//! Half-open address ranges.

use core::fmt;

/// What a [`Range`] needs to know of an address kind.
pub trait Address: Copy + Ord {
    /// The raw address.
    fn raw(self) -> u64;
}

/// The addresses from `start` (inclusive) to `end` (exclusive); empty when they are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Range<A> {
    start: A,
    end: A,
}

impl<A: Address> Range<A> {
    /// The range `start..end`.
    ///
    /// # Panics
    /// When `end` lies below `start`.
    #[must_use]
    pub fn new(start: A, end: A) -> Self {
        assert!(start <= end, "range ends below its start");
        Self { start, end }
    }

    /// The first address.
    #[must_use]
    pub fn start(self) -> A {
        self.start
    }

    /// The first address behind the range.
    #[must_use]
    pub fn end(self) -> A {
        self.end
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end.raw() - self.start.raw()
    }

    /// Whether it holds no address.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: A) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether the two share at least one address; an empty range shares none.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start.max(other.start) < self.end.min(other.end)
    }
}

impl<A: fmt::Display> fmt::Debug for Range<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl<A: fmt::Display> fmt::Display for Range<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppPc;

    fn range(start: u64, end: u64) -> Range<AppPc> {
        Range::new(AppPc::new(start), AppPc::new(end))
    }

    #[test]
    fn ranges_that_touch_do_not_overlap() {
        assert!(!range(0, 4).overlaps(range(4, 8)));
        assert!(range(0, 5).overlaps(range(4, 8)));
    }

    #[test]
    fn an_empty_range_overlaps_nothing() {
        assert!(!range(0, 8).overlaps(range(4, 4)));
        assert!(!range(4, 4).overlaps(range(0, 8)));
        assert!(!range(4, 4).overlaps(range(4, 4)));
    }

    #[test]
    #[should_panic(expected = "ends below")]
    fn a_reversed_range_is_refused() {
        let _ = range(4, 3);
    }
}
