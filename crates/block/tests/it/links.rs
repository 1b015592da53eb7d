//! The states of a link, as code.

use insta::assert_snapshot;
use midstride_block::BlockId;

use crate::show::show;
use crate::world::{LOW, World};

/// cmp edi, esi; jl +16
const BRANCH: [u8; 4] = [0x39, 0xf7, 0x7c, 0x10];
const RET: [u8; 1] = [0xc3];

/// A branch at `LOW`; the block it falls through to is built at once behind it, the other one last.
fn branch(world: &mut World) -> BlockId {
    let branch = world.block(LOW, &BRANCH);
    world.block(LOW + 4, &RET);
    world.block(LOW + 0x14, &RET);
    branch
}

#[test]
fn both_sides_of_a_branch_are_linked_and_the_next_one_by_a_nop() {
    let mut world = World::new();
    let id = branch(&mut world);
    assert_snapshot!("unlinked", show(&mut world, id));
    world.link(id);
    assert_eq!(world.cache.stats().fall_throughs, 1);
    assert_snapshot!("linked_with_fall_through", show(&mut world, id));
}

#[test]
fn unlinking_restores_every_byte() {
    let mut world = World::new();
    let id = branch(&mut world);
    let block = world.get(id);
    let before = world.read(block.hot, block.hot_bytes.into());
    world.link(id);
    assert_ne!(world.read(block.hot, block.hot_bytes.into()), before);
    for (exit, _) in world.exits(id) {
        world.cache.unlink(exit);
        world.check();
    }
    assert_eq!(world.read(block.hot, block.hot_bytes.into()), before);
}

#[test]
fn a_block_may_be_linked_to_itself() {
    let mut world = World::new();
    let id = world.block(LOW, &[0xff, 0xcf, 0x75, 0xfc]); // dec edi; jne start
    world.link(id);
    assert_snapshot!("linked_to_itself", show(&mut world, id));
}

/// Code from which a region in reach of `TARGET`, but not of the region around `SOURCE`, is made.
const BEYOND: u64 = TARGET + 0x7800_0000;
/// In reach of `SOURCE` itself, and not of its region, which lies below it.
const TARGET: u64 = SOURCE + 0x7d00_0000;
const SOURCE: u64 = 0x10_0000_0000;

#[test]
fn a_block_in_a_region_out_of_reach_is_linked_through_a_word() {
    let mut world = World::new();
    world.block(BEYOND, &RET);
    let near = world.block(SOURCE, &[0xe9, 0xfb, 0xff, 0xff, 0x7c]); // jmp TARGET
    world.block(TARGET, &RET);
    world.link(near);
    assert_eq!(world.cache.stats().far_links, 1);
    assert_snapshot!("far", show(&mut world, near));
}

#[test]
fn links_to_one_block_are_taken_out_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut world = World::new();
        world.block(LOW + 0x100, &RET);
        // jmp LOW + 0x100, from three places
        let sources =
            [0u8, 0x10, 0x20].map(|at| world.block(LOW + u64::from(at), &[0xe9, 0xfb - at, 0, 0, 0]));
        sources.iter().for_each(|&source| world.link(source));
        for gone in order {
            let (exit, linked) = world.exit(sources[gone]);
            assert!(linked.linked.is_some());
            world.cache.unlink(exit);
            world.check();
        }
    }
}
