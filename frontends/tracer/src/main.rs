//! `midtrace`: runs a program under the rewriter.
//!
//! There is no `std` start-up code: it would change what the program inherits (SIGPIPE's disposition, closed
//! standard descriptors).
#![cfg_attr(not(test), no_main)]
#![deny(unsafe_code)]

mod cli;

// The unwinder of the compiler's static library in place of its shared one, which is a file more to be opened, mapped
// and linked at each start. All of it, since what needs it comes later on the linker's command line.
#[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
#[allow(unsafe_code, reason = "names a library, and nothing in it")]
#[link(name = "gcc_eh", kind = "static", modifiers = "+whole-archive")]
unsafe extern "C" {}

/// The process's entry; arguments are read through `std::env`.
#[allow(unsafe_code, reason = "the C library looks for this name; nothing else has it")]
#[cfg_attr(not(test), unsafe(no_mangle))]
extern "C" fn main() -> i32 {
    cli::main()
}
