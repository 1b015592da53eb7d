//! The crate from outside.

mod files;
mod freezing;
mod guest;
mod harness;
mod hostile;
mod large;
mod paths;
mod process;
mod programs;
mod suite;
mod unstable;
