//! Any bytes, rewritten as blocks, linked, invalidated and evicted.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use midstride_testkit::properties::block_bytes;

fuzz_target!(|data: &[u8]| {
    // An error says that the input was too short to make anything of it.
    let _ = block_bytes(&mut Unstructured::new(data));
});
