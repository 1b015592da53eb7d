//! Blocks made of any bytes are what the bytes mean, and stay so while they are linked, invalidated and evicted.

mod judge;
mod world;

use arbitrary::{Result, Unstructured};

use world::World;

/// What is done to one cache.
const STEPS: u32 = 16;

/// A code cache over random program bytes, on pages that cannot run: blocks are built, linked, unlinked, given
/// landings, invalidated and evicted at random. After each step every live block is decoded again, and what each
/// of its instructions means is compared with what the cache says it means.
///
/// # Errors
/// When `u` is exhausted.
///
/// # Panics
/// When it does not hold.
pub fn block_bytes(u: &mut Unstructured<'_>) -> Result<()> {
    let mut world = World::new(u)?;
    for _ in 0..u.int_in_range(1..=STEPS)? {
        world.step(u)?;
        world.judge();
        if u.is_empty() {
            break;
        }
    }
    Ok(())
}
