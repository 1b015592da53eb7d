//! Programs, natively and rewritten.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use midstride_testkit::properties::rewritten_code;

fuzz_target!(|data: &[u8]| {
    // An error says that the input was too short to make anything of it.
    let _ = rewritten_code(&mut Unstructured::new(data));
});
