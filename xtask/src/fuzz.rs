//! Fuzz targets. Generators and oracles live in testkit; a target is glue, and so is this.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::project::root;
use crate::shell::{self, cargo, nightly};

/// Targets whose property is not one of testkit's: the package, the test and what it is called there.
const ELSEWHERE: [(&str, &str, &str, &str); 1] =
    [("wasm_modules", "midstride-osr", "differential", "more_random_modules")];

/// How many random modules are compared in a second.
const SEEDS_A_SECOND: u64 = 300;

/// Which target, and for how long.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// A target of `fuzz/fuzz_targets`; all of them, one after the other, when left out.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

impl Fuzz {
    /// Runs the targets under libFuzzer when cargo-fuzz is there, else the same properties by random seeds.
    pub(crate) fn run(&self) -> Result<()> {
        let known = targets()?;
        let chosen = match &self.target {
            None => known,
            Some(target) if known.contains(target) => vec![target.clone()],
            Some(target) => bail!("no fuzz target {target}; there are: {}", known.join(", ")),
        };
        chosen.iter().try_for_each(|target| self.run_one(target))
    }

    fn run_one(&self, target: &str) -> Result<()> {
        if has_cargo_fuzz() {
            let limit = format!("-max_total_time={}", self.seconds);
            return shell::run(&mut nightly(
                &folder(),
                ["fuzz", "run", "--fuzz-dir", ".", target, "--", &limit],
            ));
        }
        println!("cargo-fuzz is not installed: {target} runs by random seeds, without coverage to guide it");
        let known = ELSEWHERE.iter().find(|(name, ..)| *name == target);
        let (package, test, filter) = known
            .map_or(("midstride-testkit", "properties", target), |&(_, package, test, filter)| {
                (package, test, filter)
            });
        let mut command = cargo(["test", "--release", "-p", package, "--test", test, filter]);
        command.env("MIDSTRIDE_SEEDS", (self.seconds * SEEDS_A_SECOND).to_string());
        shell::run(command.env("ARBTEST_BUDGET_MS", (self.seconds * 1000).to_string()))
    }
}

/// Builds the targets, where that can be done.
pub(crate) fn build_if_possible() -> Result<()> {
    if !has_cargo_fuzz() {
        println!("not built: cargo-fuzz is not installed (the same properties ran inside the tests)");
        return Ok(());
    }
    if shell::output_of("rustup", &["run", "nightly", "rustc", "--version"]).is_none() {
        println!("not built: there is no nightly toolchain, which cargo-fuzz needs");
        return Ok(());
    }
    shell::run(&mut nightly(&folder(), ["fuzz", "build", "--fuzz-dir", "."]))
}

fn folder() -> PathBuf {
    root().join("fuzz")
}

fn has_cargo_fuzz() -> bool {
    shell::find(&["cargo-fuzz"]).is_some()
}

fn targets() -> Result<Vec<String>> {
    let folder = folder().join("fuzz_targets");
    let files = folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))?;
    let stem = |file: std::io::Result<std::fs::DirEntry>| {
        Some(file.ok()?.path().file_stem()?.to_string_lossy().into_owned())
    };
    let mut targets: Vec<String> = files.filter_map(stem).collect();
    targets.sort();
    Ok(targets)
}
