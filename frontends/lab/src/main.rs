//! `midlab`: a prompt for machine code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
