//! Regions on made-up pages.

use std::vec::Vec;

use midstride_addr::{AppPc, AppRange, CachePc, rel32};

use crate::fake::FakePages;
use crate::{
    AccessError, AllocError, LOW_START, MAX_UNITS, PAGE_BYTES, PageError, PageSource, Place, Region,
    RegionSet, Sizes, Slab, Window,
};

const SIZES: Sizes = Sizes { hot: 0x40000, cold: 0x20000, data: 0x10000 };

fn app(start: u64, end: u64) -> AppRange {
    AppRange::new(AppPc::new(start), AppPc::new(end))
}

/// A position-independent program.
fn program() -> AppRange {
    app(0x5555_5555_4000, 0x5555_5575_4000)
}

fn region(source: &'static FakePages) -> Region {
    Region::reserve(source, &Place::near(program()), SIZES, 4).unwrap()
}

/// Whether every byte of `region` reaches every byte of `code` both ways.
fn in_reach(region: &Region, code: AppRange) -> bool {
    let range = region.range();
    let ends = [range.start().get(), range.end().get()];
    let code = [code.start().get(), code.end().get()];
    ends.iter().all(|&a| code.iter().all(|&b| rel32(a, b).is_some() && rel32(b, a).is_some()))
}

mod placing {
    use super::*;

    #[test]
    fn the_first_place_is_right_below_the_code() {
        let region = region(FakePages::leak());
        let gap = program().start().get() - region.range().end().get();
        assert!(gap < 64 << 10, "gap {gap:#x}");
    }

    #[test]
    fn places_go_away_downwards_then_from_the_top() {
        let all: Vec<u64> = Place::near(program()).candidates(1 << 20).collect();
        let below = all.iter().take_while(|&&at| at < program().start().get()).count();
        assert!(below > 20 && below < 80 && all.len() - below < 80, "{below} of {}", all.len());
        assert!(all[..below].is_sorted_by(|a, b| a > b) && all[below..].is_sorted_by(|a, b| a > b));
        assert!(all[below] > program().end().get() + 0x7000_0000);
    }

    #[test]
    fn every_place_is_in_reach_and_overlaps_no_code() {
        for code in [program(), app(0x40_0000, 0x140_0000), app(0x7fff_f7c0_0000, 0x7fff_f7ff_f000)] {
            for at in Place::near(code).candidates(64 << 20) {
                let source = FakePages::leak();
                let placed = app(at, at + (64 << 20));
                assert!(!placed.overlaps(code));
                source.reserve_at(at, 64 << 20).unwrap();
                assert!(
                    rel32(at, code.end().get()).is_some()
                        && rel32(at + (64 << 20), code.start().get()).is_some()
                );
            }
        }
    }

    #[test]
    fn avoided_ranges_stay_free() {
        let heap = [app(0x100_0000, 0x7000_0000)];
        let place = Place::near(app(0x40_0000, 0x50_0000)).avoiding(&heap).within(Window::LOW);
        let all: Vec<u64> = place.candidates(1 << 20).collect();
        assert!(!all.is_empty() && all.iter().all(|&at| at >= 0x7000_0000 || at + (1 << 20) <= 0x100_0000));
    }

    #[test]
    fn code_wider_than_the_reach_has_no_place() {
        let code = app(0x1_0000_0000, 0x3_0000_0000);
        let refused = Region::reserve(FakePages::leak(), &Place::near(code), SIZES, 4).unwrap_err();
        assert!(matches!(refused, AllocError::NoPlace { .. }), "{refused}");
    }

    #[test]
    fn taken_places_are_stepped_over() {
        let source = FakePages::leak();
        let below = program().start().get() - (256 << 20);
        source.reserve_at(below, 256 << 20).unwrap();
        let region = region(source);
        assert!(region.range().end().get() <= below && in_reach(&region, program()));
    }

    #[test]
    fn with_nothing_free_below_the_top_is_taken() {
        let source = FakePages::leak();
        source.reserve_at(0x10000, program().start().get() - 0x10000).unwrap();
        let region = region(source);
        assert!(region.range().start().get() > program().end().get() && in_reach(&region, program()));
    }

    #[test]
    fn low_memory_fills_up_to_the_last_place() {
        let source = FakePages::leak();
        let bytes = 256 << 20;
        let places: Vec<u64> =
            core::iter::from_fn(|| Some(source.reserve_low(bytes).ok()?.address)).collect();
        assert_eq!(places[0], LOW_START - bytes);
        // 0x7000_0000 holds seven; the last would need page 0.
        assert_eq!(places.len(), 6);
        let refused = source.reserve_low(bytes).unwrap_err();
        assert_eq!(refused, PageError::Taken { address: LOW_START, bytes });
    }
}

mod sizing {
    use super::*;

    #[test]
    fn slabs_are_cut_into_units_of_whole_pages() {
        let odd = Sizes { hot: 0x10001, cold: 0x9fff, data: 1 };
        let region = Region::reserve(FakePages::leak(), &Place::near(program()), odd, 3).unwrap();
        let expected = Sizes { hot: 3 * 0x5000, cold: 3 * 0x3000, data: 3 * 0x1000 };
        assert_eq!(region.sizes(), expected);
        assert_eq!(region.range().len(), expected.total());
    }

    #[test]
    fn scarce_memory_halves_the_region() {
        let source = FakePages::leak_limited(SIZES.total() / 2);
        let region = region(source);
        assert_eq!(region.sizes(), Sizes { hot: SIZES.hot / 2, cold: SIZES.cold / 2, data: SIZES.data / 2 });
        assert_eq!(source.reserved(), region.range().len());
    }

    #[test]
    fn below_the_minimum_the_refusal_is_reported_and_nothing_stays() {
        let source = FakePages::leak_limited(Sizes::MINIMUM_HOT);
        let refused = Region::reserve(source, &Place::near(program()), SIZES, 4).unwrap_err();
        assert!(matches!(refused, AllocError::Pages(PageError::Refused { errno: 12, .. })), "{refused}");
        assert_eq!((source.reserved(), source.mapped()), (0, 0));
    }

    #[test]
    fn data_that_cannot_be_had_gives_the_code_back() {
        // Room for code alone, at every size that is tried.
        let sizes = Sizes { hot: 0x10000, cold: 0x10000, data: 0x10000 };
        let source = FakePages::leak_limited(0x20000);
        assert!(Region::reserve(source, &Place::near(program()), sizes, 4).is_err());
        assert_eq!((source.reserved(), source.mapped()), (0, 0));
    }

    #[test]
    fn impossible_requests_are_refused() {
        let reserve =
            |sizes, units| Region::reserve(FakePages::leak(), &Place::near(program()), sizes, units);
        for units in [0, MAX_UNITS + 1] {
            assert_eq!(reserve(SIZES, units).unwrap_err(), AllocError::BadUnitCount { units });
        }
        let huge = Sizes { hot: Sizes::MINIMUM_HOT, cold: 1, data: u64::MAX };
        assert!(matches!(reserve(huge, 1), Err(AllocError::TooBig { .. })));
    }

    #[test]
    fn a_region_that_would_be_too_big_is_made_smaller() {
        let sizes = Sizes { hot: 4 << 30, cold: 2 << 30, data: 1 << 30 };
        let region = Region::reserve(FakePages::leak(), &Place::near(program()), sizes, 4).unwrap();
        assert_eq!(region.sizes(), Sizes { hot: 512 << 20, cold: 256 << 20, data: 128 << 20 });
    }

    #[test]
    fn dropping_gives_everything_back() {
        let source = FakePages::leak();
        drop(region(source));
        assert_eq!((source.reserved(), source.mapped()), (0, 0));
    }
}

mod allocating {
    use super::*;

    #[test]
    fn units_do_not_overlap_and_every_address_has_an_owner() {
        let mut region = region(FakePages::leak());
        let mut ranges = Vec::new();
        for index in 0..region.units() {
            let unit = region.unit(index).unwrap();
            ranges.extend(Slab::ALL.map(|slab| (unit.range(slab), unit.id(), slab)));
        }
        ranges.sort_by_key(|(range, ..)| range.start());
        assert!(ranges.windows(2).all(|pair| pair[0].0.end() == pair[1].0.start()));
        for (range, unit, slab) in ranges {
            assert_eq!(region.locate(range.start()), Some((unit, slab)));
            assert_eq!(region.locate(range.end().offset(-1)), Some((unit, slab)));
        }
        assert_eq!(region.locate(region.range().end()), None);
        assert_eq!(region.locate(region.range().start().offset(-1)), None);
    }

    #[test]
    fn allocations_lie_one_behind_the_other_as_aligned() {
        let mut region = region(FakePages::leak());
        let mut unit = region.unit(2).unwrap();
        let start = unit.range(Slab::Hot).start();
        assert_eq!(unit.alloc_hot(5, 1).unwrap().exec().start(), start);
        assert_eq!(unit.next(Slab::Hot, 16).unwrap(), start.add(16));
        let span = unit.alloc_hot(3, 16).unwrap();
        assert_eq!((span.exec().start(), span.exec().len()), (start.add(16), 3));
        assert_eq!((unit.used(Slab::Hot), unit.used(Slab::Cold)), (19, 0));
        assert_eq!(unit.left(Slab::Hot), unit.range(Slab::Hot).len() - 19);
    }

    #[test]
    fn a_full_slab_says_what_is_left() {
        let mut region = region(FakePages::leak());
        let mut unit = region.unit(0).unwrap();
        let room = unit.left(Slab::Cold);
        let _ = unit.alloc_cold(room - 20, 1).unwrap();
        let full = unit.alloc_cold(17, 16).unwrap_err();
        assert_eq!(full, AllocError::Full { unit: unit.id(), slab: Slab::Cold, wanted: 17, left: 16 });
        assert!(unit.alloc_cold(16, 16).is_ok(), "the failed attempt took nothing");
        assert!(unit.next(Slab::Cold, 1).is_err());
        assert!(unit.alloc_hot(1, 1).is_ok());
    }

    #[test]
    fn absurd_sizes_and_alignments_are_refused() {
        let mut region = region(FakePages::leak());
        let mut unit = region.unit(0).unwrap();
        for align in [0, 3, PAGE_BYTES * 2] {
            assert_eq!(unit.alloc_hot(1, align).unwrap_err(), AllocError::BadAlignment { align });
        }
        assert!(matches!(unit.alloc_data(u64::MAX, 8), Err(AllocError::Full { .. })));
        assert!(region.unit(4).is_none());
    }

    #[test]
    fn a_reset_unit_starts_again_and_refuses_old_spans() {
        let mut region = region(FakePages::leak());
        let mut old = region.unit(0).unwrap().alloc_hot(8, 8).unwrap();
        let mut other = region.unit(1).unwrap().alloc_hot(8, 8).unwrap();
        // SAFETY: nothing runs on fake pages.
        unsafe { region.unit(0).unwrap().reset() };
        let at = old.exec().start();
        assert_eq!(region.write(&mut old, &[1]), Err(AccessError::Stale { at }));
        assert_eq!(region.write(&mut other, &[1]), Ok(()));
        assert_eq!(region.unit(0).unwrap().alloc_hot(8, 8).unwrap().exec().start(), at);
    }
}

mod accessing {
    use super::*;

    #[test]
    fn written_bytes_are_read_back() {
        let mut region = region(FakePages::leak());
        let mut span = region.unit(3).unwrap().alloc_cold(16, 8).unwrap();
        region.write(&mut span, &[1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
        let at = span.publish().exec().start();
        let mut bytes = [0; 10];
        region.read(at, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
        assert_eq!(region.read_word(at).unwrap(), 0x0807_0605_0403_0201);
    }

    #[test]
    fn data_is_what_its_pointer_writes() {
        let mut region = region(FakePages::leak());
        let span = region.unit(1).unwrap().alloc_data(8, 8).unwrap();
        // SAFETY: the span's 8 bytes are this test's.
        unsafe { span.pointer().cast::<u64>().write(0xfeed) };
        assert_eq!(region.read_word(span.range().start()).unwrap(), 0xfeed);
    }

    #[test]
    fn the_bytes_of_a_span_are_written_in_place() {
        let mut region = region(FakePages::leak());
        let mut span = region.unit(0).unwrap().alloc_hot(6, 8).unwrap();
        let at = span.exec().start();
        let bytes = region.bytes_mut(&mut span).unwrap();
        assert_eq!(bytes, [0; 6]);
        bytes[1..4].copy_from_slice(&[7, 8, 9]);
        let mut read = [1; 6];
        region.read(at, &mut read).unwrap();
        assert_eq!(read, [0, 7, 8, 9, 0, 0]);
    }

    #[test]
    fn more_bytes_than_the_span_are_refused() {
        let mut region = region(FakePages::leak());
        let mut span = region.unit(0).unwrap().alloc_hot(4, 8).unwrap();
        let at = span.exec().start();
        let refused = region.write(&mut span, &[0; 5]).unwrap_err();
        assert_eq!(refused, AccessError::TooLong { at, bytes: 5, room: 4 });
    }

    #[test]
    fn a_span_of_another_region_is_refused() {
        let source = FakePages::leak();
        let (mut one, mut two) = (region(source), region(source));
        let mut span = one.unit(0).unwrap().alloc_hot(4, 8).unwrap();
        let at = span.exec().start();
        assert_eq!(two.write(&mut span, &[0]), Err(AccessError::Outside { at, bytes: 1 }));
    }

    #[test]
    fn unaligned_and_foreign_words_are_not_patched() {
        let region = region(FakePages::leak());
        let start = region.range().start();
        for at in [start.add(4), region.range().end(), start.offset(-8), CachePc::new(u64::MAX - 7)] {
            // SAFETY: nothing runs on fake pages.
            let patched = unsafe { region.patch_word(at, 0) };
            assert!(patched.is_err() && region.read_word(at).is_err(), "{at}");
        }
    }

    #[test]
    fn a_read_that_crosses_the_end_is_refused() {
        let region = region(FakePages::leak());
        let at = region.range().end().offset(-4);
        assert_eq!(region.read(at, &mut [0; 5]), Err(AccessError::Outside { at, bytes: 5 }));
        assert_eq!(region.read(at, &mut [0; 4]), Ok(()));
    }

    #[test]
    fn a_fork_copy_brings_back_the_bytes_of_the_fork() {
        let source = FakePages::leak();
        let mut region = region(source);
        let mut spans: Vec<_> = (0..4).map(|n| region.unit(n).unwrap().alloc_cold(12, 4).unwrap()).collect();
        for (n, span) in spans.iter_mut().enumerate() {
            region.write(span, &[n as u8 + 1; 12]).unwrap();
        }
        let mapped = source.mapped();
        region.prepare_fork().unwrap().discard_in_parent();
        assert_eq!(source.mapped(), mapped);

        let copy = region.prepare_fork().unwrap();
        let at = spans[2].exec().start();
        // SAFETY: nothing runs on fake pages.
        unsafe { region.patch_word(at, 0) }.unwrap();
        // SAFETY: as above; the copy replaces the patch.
        unsafe { copy.adopt_in_child(&mut region) }.unwrap();
        let mut bytes = [0; 12];
        region.read(at, &mut bytes).unwrap();
        assert_eq!((bytes, source.mapped()), ([3; 12], mapped));
    }

    #[test]
    fn an_empty_child_has_all_its_room_and_no_old_spans() {
        let source = FakePages::leak();
        let mut region = region(source);
        let mut old = region.unit(0).unwrap().alloc_hot(8, 8).unwrap();
        region.write(&mut old, &[1; 8]).unwrap();
        let mapped = source.mapped();
        // SAFETY: nothing runs on fake pages.
        unsafe { region.start_empty_in_child() }.unwrap();
        assert_eq!((region.used(Slab::Hot), source.mapped()), (0, mapped));
        assert_eq!(region.read_word(old.exec().start()), Ok(0));
        assert!(matches!(region.write(&mut old, &[1]), Err(AccessError::Stale { .. })));
    }

    #[test]
    fn a_fork_that_gets_no_memory_changes_nothing() {
        let source = FakePages::leak_limited(SIZES.total() + 0x1000);
        let mut region = region(source);
        let mut span = region.unit(0).unwrap().alloc_hot(8, 8).unwrap();
        region.write(&mut span, &[1; 8]).unwrap();
        assert!(matches!(region.prepare_fork(), Err(PageError::Refused { .. })));
        // SAFETY: nothing runs on fake pages.
        assert!(unsafe { region.start_empty_in_child() }.is_err());
        assert_eq!(region.read_word(span.exec().start()), Ok(0x0101_0101_0101_0101));
    }

    #[test]
    #[should_panic(expected = "belongs to one region")]
    fn a_fork_copy_of_another_region_is_refused() {
        let source = FakePages::leak();
        let (one, mut two) = (region(source), region(source));
        let copy = one.prepare_fork().unwrap();
        // SAFETY: nothing runs on fake pages.
        let _ = unsafe { copy.adopt_in_child(&mut two) };
    }
}

mod finding {
    use super::*;

    /// Code far apart, and a region beside each, inserted out of address order.
    fn set() -> RegionSet<4> {
        let source = FakePages::leak();
        let mut set = RegionSet::new();
        for start in [0x7f00_0000_0000, 0x40_0000, 0x5555_0000_0000] {
            let place = Place::near(app(start, start + 0x10_0000));
            let id = set.insert(Region::reserve(source, &place, SIZES, 4).unwrap()).unwrap();
            assert_eq!(id.get() + 1, set.len());
        }
        set
    }

    #[test]
    fn every_address_of_every_region_is_found() {
        let set = set();
        for (id, region) in set.iter() {
            for at in [region.range().start(), region.range().end().offset(-1)] {
                let (unit, slab) = region.locate(at).unwrap();
                assert_eq!(set.locate(at), Some((id, unit, slab)));
            }
            assert_eq!(set.locate(region.range().end()), None);
        }
        assert_eq!((set.locate(CachePc::new(0)), set.locate(CachePc::new(u64::MAX))), (None, None));
    }

    #[test]
    fn only_regions_in_reach_are_offered() {
        let set = set();
        let offered = |pc| set.reaching(AppPc::new(pc)).map(|id| id.get()).collect::<Vec<_>>();
        assert_eq!(offered(0x7f00_0000_1234), [0]);
        assert_eq!(offered(0x40_1000), [1]);
        assert_eq!(offered(0x5555_7000_0000), [2]);
        assert_eq!(offered(0x6000_0000_0000), []);
    }

    #[test]
    fn a_full_set_returns_the_region() {
        let source = FakePages::leak();
        let mut set = RegionSet::<1>::new();
        assert!(set.is_empty() && set.insert(region(source)).is_ok());
        let second = region(source);
        let range = second.range();
        assert_eq!(set.insert(second).unwrap_err().range(), range);
    }
}
