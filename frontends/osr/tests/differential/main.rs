//! Random modules against an interpreter: results, traps, memory, globals.

#[path = "compare.rs"]
mod compare;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The module of a seed; `None` when its random bytes make none that ends.
fn module(seed: u64) -> Option<Vec<u8>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
    .take(4096)
    .collect();
    compare::module(&bytes)
}

/// Seeds at which wasmi 2.0.0 is wrong: V8 answers what we do, or the interpreter ends the process.
const THEIR_MISTAKES: [u64; 3] = [954, 1_000_077, 2_002_988];

/// Runs the seeds of a range in both engines; a module at which they differ is kept.
fn compare(seeds: std::ops::Range<u64>) {
    let (mut ran, mut moved, mut trapped) = (0, 0, 0);
    for seed in seeds.filter(|seed| !THEIR_MISTAKES.contains(seed)) {
        let Some(wasm) = module(seed) else { continue };
        let counts =
            catch_unwind(AssertUnwindSafe(|| compare::compare(&wasm, seed))).unwrap_or_else(|panic| {
                let path = std::env::temp_dir().join(format!("midstride-differential-{seed}.wasm"));
                std::fs::write(&path, &wasm).unwrap();
                println!("the module is in {}", path.display());
                resume_unwind(panic)
            });
        (ran, moved, trapped) = (ran + 1, moved + counts.moved, trapped + counts.trapped);
    }
    println!("{ran} modules, {moved} freezes, {trapped} traps frozen");
    assert!(ran > 100, "only {ran} seeds made a module");
    assert!(moved > 10 * ran && trapped > ran / 4, "{moved} freezes and {trapped} traps of {ran} modules");
}

#[test]
fn random_modules_do_what_an_interpreter_does() {
    compare(0..1000);
}

/// `MIDSTRIDE_SEEDS=100000` tries more than CI has time for.
#[test]
fn more_random_modules_do_what_an_interpreter_does() {
    let seeds = std::env::var("MIDSTRIDE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1000);
    compare(2_000_000..2_000_000 + seeds);
}
