//! The operand stack while a function is compiled.

use std::ops::{Deref, DerefMut};

use super::function::Loc;
use crate::types::ValType;

/// An operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) ty: ValType,
    pub(crate) loc: Loc,
}

/// Operands; those that the operator at hand has taken stay behind the others, so that a site in it finds
/// them. It derefs to those that are still there.
#[derive(Debug, Default)]
pub(crate) struct OperandStack {
    /// From `len` on: taken ones, or rests.
    entries: Vec<Entry>,
    len: usize,
    /// How many there were when the operator began.
    before: usize,
    /// So many from the bottom are as they were at the last site.
    unchanged: usize,
    highest: usize,
}

impl OperandStack {
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        (self.len, self.before, self.unchanged, self.highest) = (0, 0, 0, 0);
    }

    /// Begins an operator: it has taken nothing yet.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        self.before = self.len;
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        match self.entries.get_mut(self.len) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.len += 1;
        self.highest = self.highest.max(self.len);
    }

    /// The top operand; the validator has seen to it that there is one.
    #[inline]
    pub(crate) fn pop(&mut self) -> Entry {
        self.len = self.len.saturating_sub(1);
        self.unchanged = self.unchanged.min(self.len);
        self.entries.get(self.len).copied().unwrap_or(Entry { ty: ValType::I32, loc: Loc::Home })
    }

    /// Says where an operand is now.
    pub(crate) fn set_loc(&mut self, height: usize, loc: Loc) {
        self.entries[height].loc = loc;
        self.unchanged = self.unchanged.min(height);
    }

    /// Says where the operand is now that was taken last.
    pub(crate) fn set_taken_loc(&mut self, loc: Loc) {
        if let Some(taken) = self.entries.get_mut(self.len) {
            taken.loc = loc;
        }
    }

    /// The operand that was taken last.
    pub(crate) fn last_taken(&self) -> Option<Entry> {
        self.entries.get(self.len).copied()
    }

    /// The operand that was on top when the operator began.
    pub(crate) fn first_taken(&self) -> Option<Entry> {
        self.entries.get(self.before.checked_sub(1)?).copied()
    }

    /// All operands, taken ones included, and how many of them are as they were at the last site, which
    /// from now on is here.
    pub(crate) fn at_site(&mut self) -> (&[Entry], usize) {
        let unchanged = std::mem::replace(&mut self.unchanged, self.len);
        (&self.entries[..self.before.max(self.len)], unchanged)
    }

    /// As [`at_site`](Self::at_site), with only the lowest operands.
    pub(crate) fn at_site_below(&mut self, height: usize) -> (&[Entry], usize) {
        let unchanged = std::mem::replace(&mut self.unchanged, height);
        (&self.entries[..height], unchanged.min(height))
    }

    /// The most there ever were.
    pub(crate) fn highest(&self) -> usize {
        self.highest
    }
}

impl Deref for OperandStack {
    type Target = [Entry];

    #[inline(always)]
    fn deref(&self) -> &[Entry] {
        &self.entries[..self.len]
    }
}

impl DerefMut for OperandStack {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [Entry] {
        &mut self.entries[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(bits: u64) -> Entry {
        Entry { ty: ValType::I64, loc: Loc::Const(bits) }
    }

    #[test]
    fn what_an_operator_has_taken_is_there_at_its_site() {
        let mut stack = OperandStack::default();
        (0..3).for_each(|bits| stack.push(constant(bits)));
        stack.begin();
        stack.pop();
        stack.pop();
        stack.set_taken_loc(Loc::Home);
        assert_eq!(stack.len(), 1);
        let home = Entry { ty: ValType::I64, loc: Loc::Home };
        assert_eq!(stack.at_site(), (&[constant(0), home, constant(2)][..], 0));
        stack.push(constant(7));
        stack.begin();
        assert_eq!(stack.at_site(), (&[constant(0), constant(7)][..], 1));
    }

    #[test]
    fn operands_that_moved_or_were_popped_are_not_unchanged() {
        let mut stack = OperandStack::default();
        (0..4).for_each(|bits| stack.push(constant(bits)));
        stack.begin();
        stack.at_site();
        stack.set_loc(2, Loc::Home);
        assert_eq!(stack.at_site().1, 2);
        stack.pop();
        stack.push(constant(9));
        assert_eq!(stack.at_site_below(3).1, 3);
        assert_eq!(stack.at_site_below(3).1, 3);
        assert_eq!(stack.highest(), 4);
    }
}
