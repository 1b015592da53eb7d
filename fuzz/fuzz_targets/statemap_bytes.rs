//! Any bytes, given to every reader of maps and images.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use midstride_testkit::properties::statemap_bytes;

fuzz_target!(|data: &[u8]| {
    // An error says that the input was too short to make anything of it.
    let _ = statemap_bytes(&mut Unstructured::new(data));
});
