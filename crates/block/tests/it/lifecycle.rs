//! Blocks come and go: invalidation, eviction, reuse.

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_block::{BlockId, BlockState, BuildError, ExitId, Landing, MAX_APP_BYTES, MAX_INSNS};

use crate::world::{Choices, HIGH, LOW, MISSES, World};

const RET: [u8; 1] = [0xc3];

fn range(start: u64, end: u64) -> AppRange {
    AppRange::new(AppPc::new(start), AppPc::new(end))
}

/// Blocks of `ret` at each of `starts`.
fn rets(world: &mut World, starts: &[u64]) -> Vec<BlockId> {
    starts.iter().map(|&start| world.block(start, &RET)).collect()
}

fn state(world: &World, id: BlockId) -> Option<BlockState> {
    world.cache.block(id).map(|block| block.state)
}

#[test]
fn a_block_is_found_at_its_first_byte_only() {
    let mut world = World::new();
    let id = world.block(LOW, &[0x90, 0xc3]);
    assert_eq!(world.cache.lookup(AppPc::new(LOW)), Some(id));
    assert_eq!(world.cache.lookup(AppPc::new(LOW + 1)), None);
    assert_eq!(world.cache.stats().blocks, 1);
}

#[test]
fn invalidation_takes_the_blocks_that_share_a_byte_with_the_range() {
    let mut world = World::new();
    let ids = rets(&mut world, &[LOW, LOW + 1, LOW + 2, LOW + 0x1000]);
    assert_eq!(world.cache.invalidate(range(LOW + 1, LOW + 2)), 1);
    world.check();
    let states: Vec<_> = ids.iter().map(|&id| state(&world, id)).collect();
    let (live, retired) = (Some(BlockState::Live), Some(BlockState::Retired));
    assert_eq!(states, [live, retired, live, live]);
    assert!(!world.cache.has_code_in(range(LOW + 1, LOW + 2)));
    assert!(world.cache.has_code_in(range(LOW, LOW + 0x2000)));
}

#[test]
fn a_block_on_two_pages_goes_with_either() {
    for page in [0, 0x1000] {
        let mut world = World::new();
        let across = world.block(LOW + 0xffe, &[0x90, 0x90, 0x90, 0xc3]);
        let beside = world.block(LOW + 0x1800, &RET);
        assert_eq!(world.cache.invalidate(range(LOW + page, LOW + page + 0x1000)), 1 + page / 0x1000);
        world.check();
        assert_eq!(state(&world, across), Some(BlockState::Retired));
        assert_eq!(state(&world, beside) == Some(BlockState::Live), page == 0);
    }
}

#[test]
fn a_range_of_all_addresses_takes_everything() {
    let mut world = World::new();
    rets(&mut world, &[LOW, HIGH, HIGH + 0x5000]);
    assert_eq!(world.cache.invalidate(range(0, u64::MAX)), 3);
    world.check();
}

#[test]
fn a_block_of_undecodable_bytes_goes_when_code_is_put_there() {
    let mut world = World::new();
    let id = world.block(LOW, &[0x06]);
    assert!(world.get(id).app.is_empty());
    assert_eq!(world.cache.invalidate(range(LOW, LOW + 0x1000)), 1);
    assert_eq!(state(&world, id), Some(BlockState::Retired));
    world.check();
}

#[test]
fn an_instruction_cut_short_by_a_page_goes_when_that_page_comes() {
    let mut world = World::new();
    let id = world.block(LOW + 0xffd, &[0x48, 0x8b, 0x05]); // mov rax, [rip+…
    assert_eq!(world.cache.invalidate(range(LOW + 0x1000, LOW + 0x2000)), 1);
    assert_eq!(state(&world, id), Some(BlockState::Retired));
    world.check();
}

#[test]
fn a_retired_block_is_led_to_by_nothing_and_leads_nowhere() {
    let mut world = World::new();
    let before = world.block(LOW, &[0xeb, 0x0e]); // jmp +14
    let middle = world.landed(LOW + 0x10, &[0xeb, 0x0e], Landing::Return);
    let behind = world.block(LOW + 0x20, &RET);
    world.link(before);
    world.link(middle);
    assert_eq!(world.exit(before).1.linked, Some(middle));
    assert_eq!(world.exit(middle).1.linked, Some(behind));
    world.cache.retire(middle);
    world.check();
    assert_eq!((world.exit(before).1.linked, world.exit(middle).1.linked), (None, None));
    assert_eq!(world.cache.lookup(AppPc::new(LOW + 0x10)), None);
    assert_eq!(world.cache.stats().unlinks, 2);
    world.link(before);
    assert_eq!(world.exit(before).1.linked, None);
}

#[test]
fn retiring_twice_is_retiring_once() {
    let mut world = World::new();
    let id = world.block(LOW, &RET);
    world.cache.retire(id);
    world.cache.retire(id);
    world.check();
    assert_eq!(world.cache.block_count(), 1);
}

#[test]
fn a_retired_block_keeps_its_meaning_until_it_is_freed() {
    let mut world = World::new();
    let id = world.block(LOW, &[0x90, 0xc3]);
    let at = world.get(id).hot;
    world.cache.retire_all(5);
    assert!(world.cache.find(at).is_some_and(|found| found.block == id));
    world.cache.reclaim(5);
    assert!(world.cache.find(at).is_some(), "a thread may still be inside");
    world.cache.reclaim(6);
    assert_eq!(world.cache.find(at), None);
    assert_eq!(world.cache.block_count(), 0);
    world.check();
}

#[test]
fn numbers_of_freed_blocks_and_exits_are_given_out_again() {
    let mut world = World::new();
    let id = world.block(LOW, &[0xeb, 0x0e]);
    let (exit, _) = world.exit(id);
    world.cache.retire_all(1);
    world.cache.reclaim(2);
    assert!(world.cache.exit(exit).is_none());
    let again = world.block(HIGH, &[0xeb, 0x0e]);
    assert_eq!((again, world.exit(again).0), (id, exit));
    assert_eq!(world.exit(again).1.block, again);
}

#[test]
fn numbers_that_name_nothing_find_nothing_and_change_nothing() {
    let mut world = World::new();
    let id = world.block(LOW, &[0xeb, 0x0e]);
    let (nobody, nowhere) = (BlockId::from_number(77), ExitId::from_number(77));
    assert!(world.cache.block(nobody).is_none() && world.cache.exit(nowhere).is_none());
    world.cache.link(nowhere, id);
    world.cache.link(world.exit(id).0, nobody);
    world.cache.unlink(nowhere);
    world.cache.retire(nobody);
    assert!(world.cache.ensure_landing(nobody, Landing::Return).is_err());
    world.check();
    assert_eq!(world.exit(id).1.linked, None);
}

/// A cache of two units of 16 KiB.
fn tiny() -> World {
    let mut choices = Choices::default();
    choices.config.hot_bytes = 32 << 10;
    World::with(choices)
}

/// Builds one block after the other until there is no room.
fn fill(world: &mut World, from: u64) -> u64 {
    for at in (from..).step_by(0x10) {
        world.program.put(at, &[0x50, 0x58, 0xeb, 0xfe]);
        match world.build(at, None) {
            Ok(_) => {}
            Err(BuildError::Full { .. }) => return at,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("there are more addresses than room")
}

#[test]
fn a_full_region_says_so_and_goes_on_in_the_unit_that_was_freed() {
    let mut world = tiny();
    let at = fill(&mut world, LOW);
    let built = world.cache.stats().blocks;
    let Err(BuildError::Full { region }) = world.build(at, None) else { panic!("still full") };
    assert_eq!(world.cache.stats().blocks, built);
    let retired = world.cache.retire_next_unit(region, 3);
    world.check();
    assert_eq!(retired.epoch, 3);
    assert_eq!(world.cache.retire_next_unit(region, 9).epoch, 3, "it waits for the first one");
    assert!(matches!(world.build(at, None), Err(BuildError::Full { .. })), "not freed yet");
    world.cache.reclaim(4);
    world.check();
    let again = world.build(at, None).expect("a unit is free");
    assert_eq!(state(&world, again), Some(BlockState::Live));
    assert_eq!(world.cache.stats().evictions, 1);
}

#[test]
fn a_unit_takes_no_more_pieces_than_configured() {
    let mut choices = Choices::default();
    choices.config.unit_pieces = 3;
    let mut world = World::with(choices);
    let ids = rets(&mut world, &[LOW, LOW + 1, LOW + 2, LOW + 3]);
    let units: Vec<_> = ids.iter().map(|&id| world.get(id).unit.unit.get()).collect();
    assert_eq!(units, [0, 0, 0, 1]);
    world.cache.ensure_landing(ids[3], Landing::Return).expect("a landing is a piece too");
    rets(&mut world, &[LOW + 4]);
    let Err(BuildError::Full { region }) = world.build(LOW + 5, None) else { panic!("both units are full") };
    world.cache.retire_next_unit(region, 1);
    world.cache.reclaim(2);
    world.program.put(LOW + 5, &RET);
    let again = world.build(LOW + 5, None).expect("a unit is free");
    assert_eq!(world.get(again).unit.unit.get(), 0);
}

/// Builds blocks from `from` on until one lies in the second unit.
fn reach_second_unit(world: &mut World, from: u64) -> u64 {
    let mut at = from;
    loop {
        let id = world.block(at, &[0x50, 0x58, 0xeb, 0xfe]);
        at += 0x10;
        if world.get(id).unit.unit.get() == 1 {
            return at;
        }
    }
}

#[test]
fn eviction_unlinks_what_led_into_the_unit() {
    let mut world = tiny();
    let target = world.block(LOW, &RET);
    let at = reach_second_unit(&mut world, LOW + 0x10);
    let [a, b, c, d] = ((LOW as i64 - (at as i64 + 5)) as i32).to_le_bytes();
    let source = world.block(at, &[0xe9, a, b, c, d]); // jmp LOW
    world.link(source);
    assert_eq!(world.exit(source).1.linked, Some(target));
    assert_ne!(world.get(target).unit, world.get(source).unit);
    world.cache.retire_next_unit(world.get(target).unit.region, 1);
    world.check();
    assert_eq!(
        (state(&world, target), state(&world, source)),
        (Some(BlockState::Retired), Some(BlockState::Live))
    );
    assert_eq!(world.exit(source).1.linked, None);
}

#[test]
fn a_landing_may_outlive_its_block_and_meet_the_next_of_that_number() {
    let mut world = tiny();
    let first = world.block(LOW, &RET);
    reach_second_unit(&mut world, LOW + 0x10);
    let apart = world.cache.ensure_landing(first, Landing::Indirect).expect("there is room");
    let (region, unit, _) = world.cache.regions_mut().locate(apart).expect("it is placed");
    assert_ne!(unit, world.get(first).unit.unit);
    fill(&mut world, LOW + 0x1_0000);
    world.cache.retire_next_unit(region, 1);
    world.check();
    world.cache.reclaim(2);
    assert_eq!(state(&world, first), None);
    // The number names another block now, which has a landing of its own when the old one's unit goes.
    fill(&mut world, HIGH);
    let other = world.get(first);
    assert!(other.app.start() >= AppPc::new(HIGH));
    world.cache.retire_next_unit(region, 3);
    world.check();
    assert_eq!(state(&world, first), Some(BlockState::Live));
}

#[test]
fn a_region_whose_units_hold_no_block_is_refused() {
    let mut choices = Choices::default();
    (choices.config.hot_bytes, choices.config.units) = (64 << 10, 8);
    let mut world = World::with(choices);
    world.program.put(LOW, &RET);
    assert_eq!(world.build(LOW, None), Err(BuildError::NoMemory));
}

#[test]
fn landings_are_in_the_table_once_they_are_asked_for() {
    let mut world = World::new();
    let id = world.landed(LOW, &RET, Landing::Return);
    assert_eq!(world.get(id).landings, [world.get(id).hot, CachePc::new(0)]);
    let apart = world.cache.ensure_landing(id, Landing::Indirect).expect("there is room");
    world.check();
    assert_eq!(world.get(id).landings, [world.get(id).hot, apart]);
    assert_eq!(world.cache.ensure_landing(id, Landing::Indirect), Ok(apart));
    assert_eq!(world.cache.stats().extra_landings, 1);
    assert!(!MISSES.contains(&apart));
}

#[test]
fn long_code_is_cut_into_blocks_that_follow_each_other() {
    let mut world = World::new();
    let nops = vec![0x90; MAX_INSNS + 8];
    let id = world.block(LOW, &nops);
    assert_eq!(usize::from(world.get(id).insns), MAX_INSNS);
    let (_, exit) = world.exit(id);
    assert_eq!(exit.target, AppPc::new(LOW + MAX_INSNS as u64));
    // No instruction is longer than 15 bytes.
    let long = [&[0x66; 14][..], &[0x90]].concat().repeat(MAX_INSNS + 32);
    let id = world.block(HIGH, &long);
    assert_eq!(world.get(id).app.len(), 15 * MAX_INSNS as u64);
    const { assert!(15 * MAX_INSNS < MAX_APP_BYTES, "so no block touches a third page") };
}
