//! `midwasm`: runs WebAssembly programs.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            cli::tell(&error);
            ExitCode::from(cli::FAILED)
        }
    }
}
