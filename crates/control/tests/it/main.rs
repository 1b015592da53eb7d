//! Tests of the public interface.

mod chains;
