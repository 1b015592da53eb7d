//! Which mapping an address belonged to when a block was built.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::modules::Mapping;

/// The mappings of a process while its blocks are gone through in the order they were built. A later
/// mapping takes the place of what it covers of earlier ones.
pub(super) struct Mapped {
    /// By start; they do not overlap.
    current: BTreeMap<u64, Mapping>,
    /// What comes later, ascending by first block.
    coming: Peekable<IntoIter<Mapping>>,
    /// What was found last: most blocks are where the one before them is.
    found: Option<Mapping>,
}

impl Mapped {
    /// `mappings` in the order they were recorded.
    pub(super) fn new(mappings: &[Mapping]) -> Self {
        let mut coming = mappings.to_vec();
        coming.sort_by_key(|mapping| mapping.since_block);
        Self { current: BTreeMap::new(), coming: coming.into_iter().peekable(), found: None }
    }

    /// The mapping of `address` when block `index` was built; indices never fall from call to call.
    pub(super) fn find(&mut self, index: u32, address: u64) -> Option<Mapping> {
        while let Some(mapping) = self.coming.next_if(|mapping| mapping.since_block <= index) {
            self.insert(mapping);
            self.found = None;
        }
        let holds = |mapping: &Mapping| (mapping.start..mapping.end).contains(&address);
        if !self.found.as_ref().is_some_and(holds) {
            self.found =
                self.current.range(..=address).next_back().map(|(_, mapping)| *mapping).filter(holds);
        }
        self.found.filter(|mapping| index < mapping.until_block)
    }

    fn insert(&mut self, new: Mapping) {
        if new.start >= new.end {
            return;
        }
        while let Some((&start, &old)) = self.current.range(..new.end).next_back() {
            if old.end <= new.start {
                break;
            }
            self.current.remove(&start);
            if old.end > new.end {
                self.current.insert(new.end, Mapping { start: new.end, ..old });
            }
            if start < new.start {
                self.current.insert(start, Mapping { end: new.start, ..old });
            }
        }
        self.current.insert(new.start, new);
    }
}

#[cfg(test)]
mod tests {
    use super::super::modules::ModuleId;
    use super::*;

    fn mapping(module: u32, start: u64, end: u64, since_block: u32, until_block: u32) -> Mapping {
        Mapping { start, end, module: ModuleId(module), bias: 0, since_block, until_block }
    }

    fn module(mapped: &mut Mapped, index: u32, address: u64) -> Option<u32> {
        mapped.find(index, address).map(|mapping| mapping.module.0)
    }

    #[test]
    fn a_mapping_lasts_from_its_first_block_to_its_last() {
        let mappings = [mapping(0, 10, 20, 2, 5)];
        let mut mapped = Mapped::new(&mappings);
        let found = [(1, 10), (2, 10), (2, 9), (3, 19), (4, 20), (5, 10)];
        let found = found.map(|(index, address)| module(&mut mapped, index, address));
        assert_eq!(found, [None, Some(0), None, Some(0), None, None]);
    }

    #[test]
    fn a_later_mapping_in_the_middle_leaves_both_ends() {
        let mappings = [mapping(0, 0, 100, 0, 9), mapping(1, 40, 60, 1, 9)];
        let mut mapped = Mapped::new(&mappings);
        assert_eq!(module(&mut mapped, 0, 50), Some(0));
        let found = [39, 40, 59, 60, 99, 100].map(|address| module(&mut mapped, 1, address));
        assert_eq!(found, [Some(0), Some(1), Some(1), Some(0), Some(0), None]);
    }

    #[test]
    fn a_later_mapping_over_several_removes_them() {
        let mappings = [
            mapping(0, 0, 10, 0, 9),
            mapping(1, 10, 20, 0, 9),
            mapping(2, 20, 30, 0, 9),
            mapping(3, 5, 25, 0, 9),
        ];
        let mut mapped = Mapped::new(&mappings);
        let found = [4, 5, 15, 24, 25].map(|address| module(&mut mapped, 0, address));
        assert_eq!(found, [Some(0), Some(3), Some(3), Some(3), Some(2)]);
    }

    #[test]
    fn empty_and_reversed_mappings_are_nowhere() {
        let mappings = [mapping(0, 10, 10, 0, 9), mapping(1, u64::MAX, 0, 0, 9)];
        let mut mapped = Mapped::new(&mappings);
        assert_eq!([0, 10, u64::MAX].map(|address| module(&mut mapped, 0, address)), [None; 3]);
    }
}
