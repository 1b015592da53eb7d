//! Measurements.

mod chart;
mod control;
mod inputs;
mod measure;
mod output;
mod report;
mod series;
mod source;
mod stats;
mod tracer;
mod variants;
mod wasm;
mod workloads;

pub(crate) use wasm::test_kernels;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::shell::{self, cargo};

/// What to measure.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Programs under midtrace, its peers and the processor alone: CPU time over native.
    Tracer(tracer::Options),
    /// WebAssembly programs under midwasm and other engines: run time over wasmtime's, and what goes with it.
    Wasm(wasm::Options),
    /// What the machine-code controller does, each over its own bare loop.
    Control(control::Options),
    /// The crates' criterion benches; arguments go to them (a filter, `--save-baseline NAME`).
    Crates {
        /// Arguments for criterion.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

impl Bench {
    /// Measures.
    pub(crate) fn run(&self) -> Result<()> {
        match &self.what {
            What::Tracer(options) => options.run(),
            What::Wasm(options) => options.run(),
            What::Control(options) => options.run(),
            What::Crates { args } => {
                shell::run(cargo(["bench", "--locked", "-p", "midstride-benches", "--"]).args(args))
            }
        }
    }
}
