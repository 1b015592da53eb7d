//! The map of code against one that knows each byte by itself.

extern crate std;

use std::collections::BTreeMap;

use super::*;
use crate::heap::Heap;

static HEAP: Heap = Heap::new();
/// Addresses are small numbers: the map does not care.
const SPACE: u64 = 64;

/// A random number below `bound`, by a 64-bit linear congruence.
fn random(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

fn is_sorted_and_disjoint(map: &CodeMap) -> bool {
    let ranges: std::vec::Vec<AppRange> = map.iter().map(|area| area.range).collect();
    ranges.iter().all(|range| !range.is_empty())
        && ranges.windows(2).all(|two| two[0].end() <= two[1].start())
}

#[test]
fn the_map_knows_of_each_byte_what_was_said_last() {
    let mut state = 1;
    for _ in 0..200 {
        let (mut map, mut model) = (CodeMap::new_in(HeapRef(&HEAP)), BTreeMap::new());
        for _ in 0..24 {
            let start = random(&mut state, SPACE);
            let end = start + random(&mut state, SPACE - start + 1);
            let range = AppRange::new(AppPc::new(start), AppPc::new(end));
            let writes = [Writes::No, Writes::Here, Writes::Elsewhere][random(&mut state, 3) as usize];
            if random(&mut state, 3) == 0 {
                map.remove(range);
                model.retain(|at, _| !(start..end).contains(at));
            } else {
                map.insert(range, writes);
                model.extend((start..end).map(|at| (at, writes)));
            }
            assert!(is_sorted_and_disjoint(&map));
            for at in 0..=SPACE {
                let known = map.area(AppPc::new(at)).map(|area| area.writes);
                assert_eq!(known, model.get(&at).copied(), "at {at} after {range}");
            }
            let (low, high) = (random(&mut state, SPACE / 2), SPACE / 2 + random(&mut state, SPACE / 2));
            let asked = AppRange::new(AppPc::new(low), AppPc::new(high));
            assert_eq!(map.touches(asked), (low..high).any(|at| model.contains_key(&at)));
            assert_eq!(map.covers(asked), (low..high).all(|at| model.contains_key(&at)));
        }
    }
}
