//! The crate on a real kernel, and `midstride-slab` on real pages.

mod calls;
mod common;
mod fork;
mod probing;
mod region;
mod signals;
