//! Numbered slots with reuse.

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec;

/// Values in one piece of memory; a power of two.
const SEGMENT: usize = 128;

/// Values by number; numbers of removed values are given out again.
///
/// They lie in segments that never move: a table that grows by copying touches each page of it twice, which
/// was a fifth of the page faults of a short run.
pub(crate) struct Arena<T, A: Allocator> {
    segments: Vec<Vec<Option<T>, A>, A>,
    free: Vec<u32, A>,
    alloc: A,
}

impl<T, A: Allocator + Clone> Arena<T, A> {
    pub(crate) fn new_in(alloc: A) -> Self {
        Self { segments: Vec::new_in(alloc.clone()), free: Vec::new_in(alloc.clone()), alloc }
    }

    /// The number the next [`Self::insert`] will give.
    pub(crate) fn next_number(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.capacity())
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.slot_mut(number as usize).expect("the number was given out before") = Some(value);
            return number;
        }
        let number = self.capacity();
        self.open_segment().push(Some(value));
        number
    }

    /// The last segment, with room for one more.
    fn open_segment(&mut self) -> &mut Vec<Option<T>, A> {
        if self.segments.last().is_none_or(|segment| segment.len() == SEGMENT) {
            self.segments.push(Vec::with_capacity_in(SEGMENT, self.alloc.clone()));
        }
        self.segments.last_mut().expect("there is one now")
    }

    fn slot_mut(&mut self, index: usize) -> Option<&mut Option<T>> {
        self.segments.get_mut(index / SEGMENT)?.get_mut(index % SEGMENT)
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let value = self.slot_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(value)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.segments.get(index / SEGMENT)?.get(index % SEGMENT)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slot_mut(index)?.as_mut()
    }

    /// All values with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let slots = (0..).zip(self.segments.iter().flatten());
        slots.filter_map(|(number, value)| Some((number, value.as_ref()?)))
    }

    /// One more than the highest number in use.
    pub(crate) fn capacity(&self) -> u32 {
        let last = self.segments.last().map_or(0, Vec::len);
        (self.segments.len().saturating_sub(1) * SEGMENT + last) as u32
    }

    pub(crate) fn len(&self) -> usize {
        self.capacity() as usize - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_api2::alloc::Global;

    #[test]
    fn values_of_all_segments_are_found_and_listed() {
        let mut arena = Arena::new_in(Global);
        let count = 2 * SEGMENT as u32 + 5;
        for value in 0..count {
            assert_eq!((arena.next_number(), arena.insert(value)), (value, value));
        }
        assert!(arena.iter().all(|(number, &value)| number == value));
        assert_eq!((arena.iter().count(), arena.len()), (count as usize, count as usize));
        assert_eq!((arena.get(SEGMENT), arena.get(count as usize)), (Some(&(SEGMENT as u32)), None));
    }

    #[test]
    fn numbers_of_removed_values_are_given_out_again() {
        let mut arena = Arena::new_in(Global);
        let (a, b) = (arena.insert('a'), arena.insert('b'));
        assert_eq!(arena.remove(a), Some('a'));
        assert_eq!(arena.remove(a), None);
        assert_eq!(arena.next_number(), a);
        assert_eq!(arena.insert('c'), a);
        assert_eq!((arena.get(a as usize), arena.get(b as usize), arena.len()), (Some(&'c'), Some(&'b'), 2));
    }
}
