//! Numbered slots with reuse.

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec;

/// Values by number; numbers of removed values are given out again.
pub(crate) struct Arena<T, A: Allocator> {
    values: Vec<Option<T>, A>,
    free: Vec<u32, A>,
}

impl<T, A: Allocator + Clone> Arena<T, A> {
    pub(crate) fn new_in(alloc: A) -> Self {
        Self { values: Vec::new_in(alloc.clone()), free: Vec::new_in(alloc) }
    }

    /// The number the next [`Self::insert`] will give.
    pub(crate) fn next_number(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.values.len() as u32)
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.values[number as usize] = Some(value);
                number
            }
            None => {
                self.values.push(Some(value));
                self.values.len() as u32 - 1
            }
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let value = self.values.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(value)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.values.get(index)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.values.get_mut(index)?.as_mut()
    }

    /// All values with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.values).filter_map(|(number, value)| Some((number, value.as_ref()?)))
    }

    /// One more than the highest number in use.
    pub(crate) fn capacity(&self) -> u32 {
        self.values.len() as u32
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_api2::alloc::Global;

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
