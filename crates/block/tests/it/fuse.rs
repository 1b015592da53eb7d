//! Blocks that take the place of the jump that leads to them.

use insta::assert_snapshot;
use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_block::{BlockId, BlockState, Landing, Order};

use crate::show::show;
use crate::world::{LOW, World, plain};

const RET: [u8; 1] = [0xc3];
/// cmp edi, esi; jl +16
const BRANCH: [u8; 4] = [0x39, 0xf7, 0x7c, 0x10];

/// The block at `at`, built for the last exit of `before`.
fn follow(world: &mut World, before: BlockId, at: u64) -> BlockId {
    let (exit, _) = *world.exits(before).last().expect("it has an exit");
    world.order(at, Order { follows: Some(exit), ..plain(None) }).expect("there is room")
}

/// A branch, and the block it falls through to, without a jump between them.
fn fused(world: &mut World) -> (BlockId, BlockId) {
    world.program.put(LOW + 4, &RET);
    let before = world.block(LOW, &BRANCH);
    let behind = follow(world, before, LOW + 4);
    (before, behind)
}

fn state(world: &World, id: BlockId) -> BlockState {
    world.get(id).state
}

#[test]
fn a_block_is_written_over_the_jump_that_leads_to_it() {
    let mut world = World::new();
    let (before, behind) = fused(&mut world);
    let block = world.get(before);
    assert_eq!(block.hot.add(block.hot_bytes.into()), world.get(behind).body);
    assert_eq!(world.exits(before)[1].1.linked, Some(behind));
    assert_snapshot!("fused", show(&mut world, before));
    assert_snapshot!("fused_behind", show(&mut world, behind));
}

#[test]
fn every_byte_of_both_blocks_has_its_own_meaning() {
    let mut world = World::new();
    let (before, behind) = fused(&mut world);
    let (first, second) = (world.get(before), world.get(behind));
    let owner = |at: CachePc| world.cache.find(at).map(|found| found.block);
    assert_eq!(owner(first.hot), Some(before));
    assert_eq!(owner(CachePc::new(second.hot.get() - 1)), Some(before));
    assert_eq!(owner(second.hot), Some(behind));
}

#[test]
fn a_block_goes_with_the_one_it_runs_into() {
    let mut world = World::new();
    let (before, behind) = fused(&mut world);
    world.cache.invalidate(AppRange::new(AppPc::new(LOW + 4), AppPc::new(LOW + 5)));
    world.check();
    assert_eq!((state(&world, before), state(&world, behind)), (BlockState::Retired, BlockState::Retired));
}

#[test]
fn a_block_stays_when_the_one_before_it_goes() {
    let mut world = World::new();
    let (before, behind) = fused(&mut world);
    world.cache.invalidate(AppRange::new(AppPc::new(LOW), AppPc::new(LOW + 4)));
    world.check();
    assert_eq!((state(&world, before), state(&world, behind)), (BlockState::Retired, BlockState::Live));
    let again = world.build(LOW, None).expect("there is room");
    world.check();
    assert_eq!(world.exits(again)[1].1.linked, Some(behind));
}

#[test]
fn a_jump_that_is_replaced_leaves_a_block_without_bytes() {
    let mut world = World::new();
    world.program.put(LOW + 0x10, &RET);
    let jump = world.block(LOW, &[0xeb, 0x0e]);
    let target = follow(&mut world, jump, LOW + 0x10);
    assert_eq!((world.get(jump).hot_bytes, world.get(jump).body), (0, world.get(target).body));
    assert_eq!(world.cache.find(world.get(target).hot).map(|found| found.block), Some(target));
}

#[test]
fn a_jump_that_is_not_the_last_thing_written_stays() {
    let mut world = World::new();
    world.program.put(LOW + 4, &RET);
    let before = world.block(LOW, &BRANCH);
    world.block(LOW + 0x100, &RET);
    let bytes = world.get(before).hot_bytes;
    let behind = follow(&mut world, before, LOW + 4);
    assert_eq!(world.get(before).hot_bytes, bytes);
    assert_ne!(world.get(before).hot.add(bytes.into()), world.get(behind).body);
}

#[test]
fn a_landing_is_not_run_into() {
    let mut world = World::new();
    world.program.put(LOW + 4, &RET);
    let before = world.block(LOW, &BRANCH);
    let (exit, _) = world.exits(before)[1];
    let order = Order { follows: Some(exit), ..plain(Some(Landing::Return)) };
    world.order(LOW + 4, order).expect("there is room");
    assert!(world.get(before).hot_bytes > 8, "the jump is there");
}

#[test]
fn a_long_run_of_blocks_goes_at_once_and_without_recursion() {
    const COUNT: u64 = 2000;
    let run = || {
        let mut world = World::new();
        let mut last = world.block(LOW, &[0xeb, 0x0e]);
        for n in 1..COUNT {
            world.program.put(LOW + n * 0x10, &[0xeb, 0x0e]);
            let (exit, _) = world.exit(last);
            let order = Order { follows: Some(exit), ..plain(None) };
            last = world.unchecked(LOW + n * 0x10, order).expect("there is room");
        }
        world.cache.retire(last);
        world.check();
        (0..COUNT as u32).all(|id| state(&world, BlockId::from_number(id)) == BlockState::Retired)
    };
    // What an engine has for its own stack.
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(run).expect("a thread");
    assert!(thread.join().expect("the stack sufficed"));
}
