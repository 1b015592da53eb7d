//! Landings of targets that share a table entry.

use insta::assert_snapshot;
use midstride_addr::CachePc;
use midstride_block::{BlockId, Landing, Rotate};

use crate::show::show;
use crate::world::{Choices, HIGH, LOW, MISSES, World};

const RET: [u8; 1] = [0xc3];
/// Targets this far apart share an entry, whichever bits choose it.
const APART: u64 = 0x10_0000;
/// Landings behind one entry at most.
const LONGEST: usize = 8;

/// Blocks that share an entry, each with a landing in front.
fn sharing(world: &mut World, landing: Landing, count: u64) -> Vec<BlockId> {
    (0..count).map(|n| world.landed(LOW + n * APART, &RET, landing)).collect()
}

/// Where control goes on from the landing of `id` for another target: the word is the block's first constant.
fn behind(world: &mut World, id: BlockId) -> CachePc {
    let block = world.get(id);
    let code = world.read(block.hot, block.hot_bytes.into());
    let mut decoder = iced_x86::Decoder::with_ip(64, &code, block.hot.get(), 0);
    let jump = decoder.iter().find(|insn| insn.code() == iced_x86::Code::Jmp_rm64);
    let word = jump.expect("a landing jumps on").ip_rel_memory_address();
    let bytes = world.read(CachePc::new(word), 8);
    CachePc::new(u64::from_le_bytes(bytes.try_into().expect("eight bytes were read")))
}

#[test]
fn a_landing_goes_on_to_the_one_before_it() {
    for landing in [Landing::Return, Landing::Indirect] {
        let mut world = World::new();
        let ids = sharing(&mut world, landing, 3);
        let wanted = [MISSES[landing as usize], world.get(ids[0]).hot, world.get(ids[1]).hot];
        let found: Vec<_> = ids.iter().map(|&id| behind(&mut world, id)).collect();
        assert_eq!(found, wanted);
        assert_eq!(world.cache.stats().table_conflicts, 2);
    }
}

#[test]
fn a_chain_closes_over_a_landing_that_goes() {
    for gone in 0..3 {
        let mut world = World::new();
        let ids = sharing(&mut world, Landing::Return, 3);
        world.cache.retire(ids[gone]);
        world.check();
        let left: Vec<_> = (0..3).filter(|&n| n != gone).collect();
        let last = behind(&mut world, ids[left[1]]);
        let first = behind(&mut world, ids[left[0]]);
        assert_eq!(first, MISSES[0]);
        assert_eq!(last, world.get(ids[left[0]]).hot, "without landing {gone}");
    }
}

#[test]
fn the_oldest_landing_of_a_long_chain_is_dropped_and_comes_back() {
    let mut world = World::new();
    let ids = sharing(&mut world, Landing::Indirect, LONGEST as u64 + 1);
    world.check();
    assert_eq!(behind(&mut world, ids[1]), MISSES[1], "the first one is not behind the second any more");
    let at = world.get(ids[0]).hot;
    assert_eq!(world.cache.ensure_landing(ids[0], Landing::Indirect), Ok(at));
    world.check();
    assert_eq!(behind(&mut world, ids[0]), world.get(ids[LONGEST]).hot);
    assert_eq!(behind(&mut world, ids[2]), MISSES[1]);
}

#[test]
fn a_landing_that_is_listed_stays_where_it_is() {
    let mut world = World::new();
    let ids = sharing(&mut world, Landing::Return, 2);
    assert_eq!(world.cache.ensure_landing(ids[0], Landing::Return), Ok(world.get(ids[0]).hot));
    world.check();
    assert_eq!(behind(&mut world, ids[0]), MISSES[0]);
    assert_eq!(world.cache.stats().table_conflicts, 1);
}

#[test]
fn indirect_targets_are_told_apart_from_bit_four_on() {
    let entries = |rotate| {
        let mut world = World::with(Choices { rotate, ..Choices::default() });
        world.landed(LOW, &RET, Landing::Indirect);
        world.landed(LOW + 0x1_0000, &RET, Landing::Indirect);
        world.cache.stats().table_conflicts
    };
    assert_eq!((entries(Rotate::Rorx), entries(Rotate::None)), (0, 1));
}

#[test]
fn disconnecting_leads_everything_to_the_gate_and_loses_nothing() {
    let mut world = World::new();
    let ids = sharing(&mut world, Landing::Return, 2);
    let jump = world.block(HIGH, &[0xeb, 0x0e]);
    world.block(HIGH + 0x10, &RET);
    world.link(jump);
    world.cache.disconnect();
    world.check();
    assert_eq!(world.exit(jump).1.linked, None);
    world.cache.reconnect();
    let at = world.get(ids[0]).hot;
    assert_eq!(world.cache.ensure_landing(ids[0], Landing::Return), Ok(at));
    world.check();
    world.link(jump);
    assert!(world.exit(jump).1.linked.is_some());
}

#[test]
fn a_chained_landing_jumps_through_its_own_word() {
    let mut world = World::new();
    let ids = sharing(&mut world, Landing::Return, 2);
    assert_snapshot!("chained", show(&mut world, ids[1]));
}

#[test]
fn nothing_leads_past_the_gate_until_the_cache_is_reconnected() {
    let mut world = World::new();
    let round = world.block(HIGH, &[0xff, 0xcf, 0x75, 0xfc]); // dec edi; jne start
    world.cache.disconnect();
    world.link(round);
    assert!(world.exits(round).iter().all(|(_, exit)| exit.linked.is_none()));
    let ids = sharing(&mut world, Landing::Return, 2);
    assert_eq!(world.cache.stats().table_conflicts, 0, "neither is in the table");
    world.cache.reconnect();
    world.link(round);
    assert!(world.exits(round).iter().any(|(_, exit)| exit.linked == Some(round)));
    for id in ids {
        world.cache.ensure_landing(id, Landing::Return).expect("it has one");
    }
    assert_eq!(world.cache.stats().table_conflicts, 1);
}
