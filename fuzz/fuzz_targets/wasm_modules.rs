//! Random modules in midwasm, frozen and not, against an interpreter.
#![no_main]

#[path = "../../frontends/osr/tests/differential/compare.rs"]
mod compare;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let number = data.iter().fold(0, |sum, byte| sum + u64::from(*byte));
    compare::module(data).map(|wasm| compare::compare(&wasm, number));
});
