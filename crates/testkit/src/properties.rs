//! What must hold for any input: one function for each fuzz target.
//!
//! A property takes randomness, makes an input of it, lets a crate work on it and judges the result; it panics when
//! it finds a mistake. `Err` only says that the randomness ran out. [`check`] runs a property inside `cargo test`.

mod blocks;
mod code;
mod relocate;
mod rewritten;
mod statemap;
mod wasi;
mod writer;

use std::time::Duration;

use arbitrary::{Result, Unstructured};

pub use blocks::block_bytes;
pub use relocate::relocate_bytes;
pub use rewritten::rewritten_code;
pub use statemap::{compact_map, image_roundtrip, machine_stacks, statemap_bytes};
pub use wasi::wasi_state;
pub use writer::asm_roundtrip;

/// A property.
pub type Property = fn(&mut Unstructured<'_>) -> Result<()>;

/// How long a property runs in `cargo test`, unless `ARBTEST_BUDGET_MS` says otherwise.
const BUDGET: Duration = Duration::from_millis(1500);

/// Runs `property` with random inputs of at most `size` bytes for a moment, or for as many milliseconds as the
/// environment variable `ARBTEST_BUDGET_MS` says.
///
/// # Panics
/// When the property does not hold; the message has the seed that shows it, for `ARBTEST_SEED`.
pub fn check(property: Property, size: u32) {
    let mut run = arbtest::arbtest(property).size_min(size.min(32)).size_max(size);
    if std::env::var_os("ARBTEST_BUDGET_MS").is_none() {
        run = run.budget(BUDGET);
    }
    run.run();
}
