//! Random modules in midwasm, frozen and not, against an interpreter.
#![no_main]
#[path = "../../frontends/osr/tests/differential/compare.rs"]
mod compare;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let number = data.iter().fold(0, |sum, byte| sum + u64::from(*byte));
    // At some v128.store8_lane (fd 58) wasmi 2.0.0 ends the process.
    let wasm = compare::module(data).filter(|wasm| !wasm.windows(2).any(|pair| pair == [0xfd, 0x58]));
    wasm.map(|wasm| compare::compare(&wasm, number));
});
