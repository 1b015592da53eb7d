//! Tests of the public interface.

mod chains;
mod conformance;
mod here;
mod lab;
mod together;
mod torture;
