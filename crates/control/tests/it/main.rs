//! Tests of the public interface.

mod chains;
mod conformance;
mod lab;
