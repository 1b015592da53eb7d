//! Makes a module of random bytes and runs it in both engines; a fuzz target does so too.

#[path = "../common/freezing.rs"]
mod freezing;
mod ours;
mod theirs;

use std::hash::{DefaultHasher, Hash, Hasher};

use arbitrary::Unstructured;
use midstride_osr::Polls;
use wasm_smith::{Config, Module};

use freezing::{Counts, Distance, Freezer};

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

/// The module of random bytes; `None` when they make none that ends.
pub(crate) fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut module = Module::new(config(), &mut Unstructured::new(bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// Runs a module in the interpreter, in ours, and in ours frozen at every poll, or at some; what was frozen.
///
/// # Panics
/// When they differ.
pub(crate) fn compare(wasm: &[u8], number: u64) -> Counts {
    let theirs = theirs::run(wasm);
    let often = if number.is_multiple_of(2) { Distance::Every(1) } else { Distance::Random(number) };
    let polls = if number % 8 < 2 { Polls::Stepped } else { Polls::Compared };
    let [plain, frozen] = [Distance::Never, often].map(|distance| {
        let mut freezer = Freezer::new(polls, distance);
        let ours = ours::run(wasm, &mut freezer);
        assert!(ours == theirs, "module {number}, {distance:?}: ours\n{ours:x?}\ntheirs\n{theirs:x?}");
        freezer.counts
    });
    assert_eq!(plain.moved, 0);
    assert!(frozen.refused.is_empty(), "module {number}: {frozen:?}");
    frozen
}
