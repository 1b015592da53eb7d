//! `cargo xtask bench control`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::report::Machine;
use crate::shell::cargo;

/// Steps, looks and reloads of the machine-code controller over bare loops of the same technique.
#[derive(Args)]
pub(crate) struct Options {
    /// Only operations with this in their name.
    #[arg(long)]
    only: Option<String>,
    /// Also put the table into this folder, as `control.md`.
    #[arg(long)]
    save: Option<PathBuf>,
}

const HEAD: &str = "Nanoseconds for one operation: the best of many turns, taken by turns with a bare loop of the same \
technique. `crates/control/benches/ratios.rs` says what each bare loop is.";

impl Options {
    pub(super) fn run(&self) -> Result<()> {
        let mut command =
            cargo(["bench", "--quiet", "--locked", "-p", "midstride-control", "--bench", "ratios"]);
        command.arg("--").args(&self.only);
        let output = command.output().context("cargo bench")?;
        let (table, errors) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "the bench failed: {errors}");
        let table: String =
            table.lines().filter(|line| line.starts_with('|')).map(|line| line.to_owned() + "\n").collect();
        let report = format!("{HEAD}\n{}\n\n{table}\nBold: misses its goal.\n", Machine::here().sentence());
        println!("{report}");
        let Some(folder) = &self.save else { return Ok(()) };
        let path = folder.join("control.md");
        fs::write(&path, report).with_context(|| format!("writing {}", path.display()))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
