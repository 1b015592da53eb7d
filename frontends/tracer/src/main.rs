//! `midtrace`: runs a program under the rewriter.
//!
//! There is no `std` start-up code: it would change what the program inherits (SIGPIPE's disposition, closed
//! standard descriptors).
#![cfg_attr(not(test), no_main)]
#![deny(unsafe_code)]

mod cli;

/// The process's entry; arguments are read through `std::env`.
#[allow(unsafe_code, reason = "the C library looks for this name; nothing else has it")]
#[cfg_attr(not(test), unsafe(no_mangle))]
extern "C" fn main() -> i32 {
    cli::main()
}
