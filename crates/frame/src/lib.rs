//! Where a stopped thread's values are: register frames, signal frames, XSAVE, System V arguments.
#![no_std]
#![forbid(unsafe_code)]

pub mod signal;
