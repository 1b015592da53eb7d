//! Tests of the public interface.

mod chains;
mod conformance;
mod here;
mod lab;
mod passage;
mod together;
mod torture;
