//! Random changes of a cache, with all of its invariants proved after each.
//!
//! The program is small and its blocks lead to each other, so that links, retirements and evictions meet.

use midstride_addr::{AppPc, AppRange};
use midstride_block::{BlockId, BlockState, BuildError, Care, ExitKind, Landing, Order};
use midstride_slab::RegionId;
use midstride_testkit::Random;
use midstride_testkit::arbitrary::{Result, Unstructured};

use crate::world::{Choices, World, plain};

/// Places of code: neighbours reach each other, but the region of the first does not reach the second (see
/// `links::a_block_in_a_region_out_of_reach_is_linked_through_a_word`).
const PLACES: [u64; 3] =
    [0x10_0000_0000, 0x10_0000_0000 + 0x7d00_0000, 0x10_0000_0000 + 0x7d00_0000 + 0x7800_0000];
/// Blocks at each place, this many bytes apart: they lie on two pages, some on both.
const BLOCKS: u64 = 12;
const STRIDE: u64 = 0x1fe;
const STEPS: usize = 120;
const LIVES: u64 = 24;

/// What a step does.
type Step = fn(&mut World, &mut Unstructured<'_>, &mut u64) -> Result<()>;

const STEP: [Step; 11] = [build, build, build, follow, follow, link, link, unlink, land, invalidate, evict];

fn start(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(u.choose(&PLACES)? + u.int_in_range(0..=BLOCKS - 1)? * STRIDE)
}

/// The displacement to any block that a branch of `len` bytes at `at` reaches.
fn displacement(at: u64, len: i64, u: &mut Unstructured<'_>) -> Result<[u8; 4]> {
    loop {
        let far = start(u)? as i64 - (at as i64 + len);
        if let Ok(near) = i32::try_from(far) {
            return Ok(near.to_le_bytes());
        }
    }
}

/// `jcc` or `jmp` to a block, a return, no instruction, or nops up to what cannot be read.
fn code(at: u64, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=7)? {
        0..=2 => [&[0xe9][..], &displacement(at, 5, u)?].concat(),
        3..=4 => [&[0x0f, 0x84][..], &displacement(at, 6, u)?].concat(),
        5 => vec![0xc3],
        6 => vec![0x06],
        _ => vec![0x90; 8],
    })
}

fn program(world: &mut World, u: &mut Unstructured<'_>) -> Result<()> {
    for place in PLACES {
        for block in 0..BLOCKS {
            let at = place + block * STRIDE;
            world.program.put(at, &code(at, u)?);
        }
    }
    Ok(())
}

fn live(world: &World) -> Vec<BlockId> {
    let ids = (0..512).map(BlockId::from_number);
    ids.filter(|&id| world.cache.block(id).is_some_and(|block| block.state == BlockState::Live)).collect()
}

fn any(world: &World, u: &mut Unstructured<'_>) -> Result<Option<BlockId>> {
    let live = live(world);
    Ok(if live.is_empty() { None } else { Some(*u.choose(&live)?) })
}

fn build(world: &mut World, u: &mut Unstructured<'_>, epoch: &mut u64) -> Result<()> {
    let at = start(u)?;
    if world.cache.lookup(AppPc::new(at)).is_some() {
        return Ok(());
    }
    let landing = *u.choose(&[None, Some(Landing::Return), Some(Landing::Indirect)])?;
    let care = *u.choose(&[Care::Trust, Care::Check])?;
    match world.order(at, Order { care, ..plain(landing) }) {
        Ok(_) => Ok(()),
        Err(BuildError::Full { region }) => {
            retire(world, region, epoch);
            Ok(())
        }
        Err(error) => panic!("no block at {at:#x}: {error}"),
    }
}

/// Builds the block that a block's last exit leads to, in place of its jump if that is possible.
fn follow(world: &mut World, u: &mut Unstructured<'_>, _: &mut u64) -> Result<()> {
    let Some(block) = any(world, u)? else { return Ok(()) };
    let Some((exit, to)) = world.exits(block).last().copied() else { return Ok(()) };
    if to.kind == ExitKind::Direct && world.cache.lookup(to.target).is_none() {
        match world.order(to.target.get(), Order { follows: Some(exit), ..plain(None) }) {
            Ok(_) | Err(BuildError::Full { .. }) => {}
            Err(error) => panic!("no block at {}: {error}", to.target),
        }
    }
    Ok(())
}

fn link(world: &mut World, u: &mut Unstructured<'_>, _: &mut u64) -> Result<()> {
    if let Some(block) = any(world, u)? {
        world.link(block);
    }
    Ok(())
}

fn unlink(world: &mut World, u: &mut Unstructured<'_>, _: &mut u64) -> Result<()> {
    let Some(block) = any(world, u)? else { return Ok(()) };
    for (exit, _) in world.exits(block) {
        world.cache.unlink(exit);
    }
    Ok(())
}

fn land(world: &mut World, u: &mut Unstructured<'_>, _: &mut u64) -> Result<()> {
    let Some(block) = any(world, u)? else { return Ok(()) };
    let landing = *u.choose(&[Landing::Return, Landing::Indirect])?;
    match world.cache.ensure_landing(block, landing) {
        Ok(at) => assert!(world.cache.find(at).is_some_and(|found| found.block == block)),
        Err(error) => assert!(matches!(error, BuildError::Full { .. }), "{error}"),
    }
    Ok(())
}

fn invalidate(world: &mut World, u: &mut Unstructured<'_>, _: &mut u64) -> Result<()> {
    let from = start(u)?;
    let range = AppRange::new(AppPc::new(from), AppPc::new(from + u.int_in_range(0..=0x1400)?));
    world.cache.invalidate(range);
    assert!(!world.cache.has_code_in(range));
    Ok(())
}

fn evict(world: &mut World, u: &mut Unstructured<'_>, epoch: &mut u64) -> Result<()> {
    let Some(block) = any(world, u)? else { return Ok(()) };
    let region = world.get(block).unit.region;
    retire(world, region, epoch);
    Ok(())
}

/// Retires the region's next unit; the one before is free by now.
fn retire(world: &mut World, region: RegionId, epoch: &mut u64) {
    world.cache.retire_next_unit(region, *epoch);
    world.check();
    world.cache.reclaim(*epoch);
    *epoch += 1;
}

/// One cache's life.
fn live_through(u: &mut Unstructured<'_>) -> Result<()> {
    let mut choices = Choices::default();
    choices.config.hot_bytes = 32 << 10;
    choices.config.trust = *u.choose(&[Some(0), Some(0), Some(1), None])?;
    let mut world = World::with(choices);
    program(&mut world, u)?;
    let mut epoch = 1;
    for _ in 0..STEPS {
        u.choose(&STEP)?(&mut world, u, &mut epoch)?;
        world.check();
    }
    Ok(())
}

#[test]
fn a_cache_keeps_its_invariants_whatever_is_done_to_it() {
    for seed in 0..LIVES {
        println!("seed {seed}");
        let data = Random::new(seed).bytes(4096);
        live_through(&mut Unstructured::new(&data)).expect("there is enough randomness");
    }
}
