//! Project chores: `cargo xtask ci|bench|fuzz|bless|no-std|unsafe-report|peers`.
#![forbid(unsafe_code)]

mod bench;
mod bless;
mod ci;
mod fuzz;
mod no_std;
mod peers;
mod project;
mod shell;
mod tally;
mod unsafe_report;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's chores, run from anywhere inside the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that must hold before a change lands, in the order in which it fails fastest.
    Ci,
    /// Measure: midtrace against native runs and its peers, or the crates' criterion benches.
    Bench(bench::Bench),
    /// Run a fuzz target for a while: coverage-guided where cargo-fuzz is installed, else by random seeds.
    Fuzz(fuzz::Fuzz),
    /// Accept the byte listings that the tests produce now; review the difference as code.
    Bless,
    /// Build every `no_std` crate for a target without an operating system.
    NoStd,
    /// List the unsafe code of each module, as SAFETY.md has it.
    UnsafeReport(unsafe_report::UnsafeReport),
    /// Say which other tools the speed table can be made with.
    Peers,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    match Cli::parse().chore {
        Chore::Ci => return Ok(ci::run()),
        Chore::Bench(bench) => bench.run(),
        Chore::Fuzz(fuzz) => fuzz.run(),
        Chore::Bless => bless::run(),
        Chore::NoStd => no_std::run(),
        Chore::UnsafeReport(report) => report.run(),
        Chore::Peers => {
            peers::run();
            Ok(())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}
