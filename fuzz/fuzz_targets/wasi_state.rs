//! Any bytes, and altered states, given to the reader of a WASI program's host side.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use midstride_testkit::properties::wasi_state;

fuzz_target!(|data: &[u8]| {
    // An error says that the input was too short to make anything of it.
    let _ = wasi_state(&mut Unstructured::new(data));
});
