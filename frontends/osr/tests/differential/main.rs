//! Random modules against an interpreter: results, traps, memory, globals.

#[path = "../common/freezing.rs"]
mod freezing;
mod ours;
mod theirs;

use std::hash::{DefaultHasher, Hash, Hasher};

use arbitrary::Unstructured;
use freezing::{Distance, Freezer};
use wasm_smith::{Config, Module};

/// What a call answered: the bits of its results, or what it trapped with.
pub(crate) type Answer = Result<Vec<u128>, String>;

/// All that can be seen of a run.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    /// Of each exported function, by name.
    calls: Vec<(String, Answer)>,
    /// Size and hash of each exported memory.
    memories: Vec<(usize, u64)>,
    /// The bits of each exported global that is a number.
    globals: Vec<u128>,
}

/// What stands for a memory's bytes.
pub(crate) fn digest(bytes: &[u8]) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (bytes.len(), hasher.finish())
}

/// Fuel that ends endless loops, and recursion before either stack is exhausted.
const FUEL: u32 = 600;

fn config() -> Config {
    Config {
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        export_everything: true,
        extended_const_enabled: false,
        gc_enabled: false,
        max_imports: 0,
        max_instructions: 400,
        max_memories: 1,
        max_memory32_bytes: 10 << 16,
        max_table_elements: 100,
        max_tables: 2,
        memory64_enabled: false,
        memory_max_size_required: true,
        min_funcs: 1,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        simd_enabled: true,
        table_max_size_required: true,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

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
    let mut module = Module::new(config(), &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// Seeds at which wasmi 2.0.0 is wrong: V8 answers what we do, or the interpreter ends the process.
const THEIR_MISTAKES: [u64; 3] = [954, 1_000_077, 2_002_988];

/// Runs the seeds of a range in both engines; in ours also frozen at every poll, or at some.
fn compare(seeds: std::ops::Range<u64>) {
    let (mut ran, mut moved, mut trapped) = (0, 0, 0);
    for seed in seeds.filter(|seed| !THEIR_MISTAKES.contains(seed)) {
        let Some(wasm) = module(seed) else { continue };
        let theirs = theirs::run(&wasm);
        let often = if seed % 2 == 0 { Distance::Every(1) } else { Distance::Random(seed) };
        for distance in [Distance::Never, often] {
            let mut freezer = Freezer::new(distance);
            let ours = ours::run(&wasm, &mut freezer);
            if ours != theirs {
                let path = std::env::temp_dir().join(format!("midstride-differential-{seed}.wasm"));
                std::fs::write(&path, &wasm).unwrap();
                let path = path.display();
                panic!("seed {seed} ({path}), {distance:?}: ours\n{ours:x?}\ntheirs\n{theirs:x?}");
            }
            assert!(freezer.counts.refused.is_empty(), "seed {seed}: {:?}", freezer.counts);
            moved += freezer.counts.moved;
            trapped += freezer.counts.trapped;
        }
        ran += 1;
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
