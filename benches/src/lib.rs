//! Criterion benches live in `benches/`; what several of them need is here.

pub mod cache;
