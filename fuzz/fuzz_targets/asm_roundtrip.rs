//! Any program the writer can write, decoded again.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use midstride_testkit::properties::asm_roundtrip;

fuzz_target!(|data: &[u8]| {
    // An error says that the input was too short to make anything of it.
    let _ = asm_roundtrip(&mut Unstructured::new(data));
});
