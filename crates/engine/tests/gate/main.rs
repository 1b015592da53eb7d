//! The gate: its code, and that the program's registers come through it whatever the engine does.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod facts;
mod listing;
mod machine;
mod passage;
