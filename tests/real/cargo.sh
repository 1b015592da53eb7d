#: cargo builds and runs a small crate, offline
#: needs: cargo
#: modes: run
#: limit: 300
#: keep-home
#: expect: 499500
mkdir -p src; cat > Cargo.toml <<'X'
[package]
name = "small"
version = "0.1.0"
edition = "2021"
[workspace]
X
cat > src/main.rs <<'X'
use std::collections::BTreeMap;
fn main() {
    let mut m = BTreeMap::new();
    for i in 0..1000u64 { *m.entry(i % 17).or_insert(0) += i * i; }
    println!("{m:?}");
    let h: Vec<_> = (0..4).map(|n| std::thread::spawn(move || (0..1000u64).map(|x| x ^ n).sum::<u64>())).collect();
    for t in h { println!("{}", t.join().unwrap()); }
    let r = std::panic::catch_unwind(|| panic!("caught"));
    println!("{}", r.is_err());
}
X
export CARGO_TARGET_DIR=$(mktemp -d) CARGO_TERM_COLOR=never
cargo build -q --offline && "$CARGO_TARGET_DIR/debug/small" 2> /dev/null
cargo build -q --offline --release && "$CARGO_TARGET_DIR/release/small" 2> /dev/null
rm -rf "$CARGO_TARGET_DIR" Cargo.lock
