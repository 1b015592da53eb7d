//! Project chores: `cargo xtask ci|bench|fuzz|bless|no-std`.
fn main() {}
