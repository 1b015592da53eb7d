//! Every property, for a moment; `cargo xtask fuzz` runs them for longer.

use midstride_testkit::properties::{
    asm_roundtrip, block_bytes, check, relocate_bytes, rewritten_code, statemap_bytes, wasi_state,
};

#[test]
fn relocate_bytes_holds() {
    check(relocate_bytes, 512);
}

#[test]
fn asm_roundtrip_holds() {
    check(asm_roundtrip, 4096);
}

#[test]
fn block_bytes_holds() {
    check(block_bytes, 8192);
}

#[test]
fn rewritten_code_holds() {
    check(rewritten_code, 512);
}

#[test]
fn statemap_bytes_holds() {
    check(statemap_bytes, 512);
}

#[test]
fn wasi_state_holds() {
    check(wasi_state, 512);
}
