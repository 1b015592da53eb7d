//! The crate on a real kernel, and `midstride-slab` on real pages.

mod common;
mod fork;
mod region;
