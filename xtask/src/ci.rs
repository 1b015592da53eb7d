//! What CI runs: a staircase, cheap and telling steps first.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::project::{has_manifest, metadata, root};
use crate::shell::{self, cargo};
use crate::tally::Tally;
use crate::{bench, fuzz, no_std};

/// One step and the reason for it.
struct Step {
    name: &'static str,
    protects: &'static str,
    run: fn(&mut Tally) -> Result<()>,
}

/// Excluded from the workspace because they have targets, toolchains or large dependencies of their own.
const RUNTIME: &str = "frontends/tracer-runtime";
const FUZZ: &str = "fuzz";
const PEERS: &str = "benches/wasm-peers";

const STEPS: [Step; 8] = [
    Step { name: "format", protects: "reviews show changes of meaning only", run: |_| format() },
    Step {
        name: "clippy",
        protects: "no warning hides the next one; unsafe blocks are argued",
        run: |_| clippy(),
    },
    Step { name: "docs", protects: "links between documents and code hold", run: |_| docs() },
    Step {
        name: "no_std",
        protects: "the core crates need no operating system (a host build would not notice)",
        run: |_| no_std::run(),
    },
    Step { name: "tests", protects: "what the project promises", run: tests },
    Step {
        name: "readme",
        protects: "the README's first command does what it says",
        run: |_| first_command(),
    },
    Step {
        name: "fuzz build",
        protects: "the fuzz targets follow the crates",
        run: |_| fuzz::build_if_possible(),
    },
    Step {
        name: "benches",
        protects: "the benches run and assert what they assert (their times are not looked at)",
        run: benches,
    },
];

/// Runs every step, also behind a failed one, and ends with a line like a test runner's: the sum of all
/// runners, each step counted as one test more.
pub(crate) fn run() -> ExitCode {
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for step in &STEPS {
        println!("\n=== {}: protects that {}", step.name, step.protects);
        let start = Instant::now();
        let result = (step.run)(&mut tally);
        println!("=== {}: {} after {:.0} s", step.name, verdict(&result), start.elapsed().as_secs_f64());
        tally.step(&result);
        if result.is_err() {
            failed.push(step.name);
        }
    }
    if !failed.is_empty() {
        println!("\nfailed steps: {}", failed.join(", "));
    }
    println!("\n{tally}");
    if failed.is_empty() && tally.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verdict(result: &Result<()>) -> String {
    match result {
        Ok(()) => "passed".to_owned(),
        Err(error) => format!("FAILED ({error:#})"),
    }
}

fn format() -> Result<()> {
    shell::run(&mut cargo(["fmt", "--all", "--check"]))?;
    for folder in [RUNTIME, FUZZ, PEERS].into_iter().filter(|folder| has_manifest(folder)) {
        let manifest = format!("{folder}/Cargo.toml");
        shell::run(&mut cargo(["fmt", "--check", "--manifest-path", &manifest]))?;
    }
    Ok(())
}

fn clippy() -> Result<()> {
    shell::run(&mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-Dwarnings"]))?;
    if has_manifest(RUNTIME) {
        let args = ["clippy", "--locked", "--release", "--target", no_std::BARE_TARGET, "--", "-Dwarnings"];
        shell::run(cargo(args).current_dir(root().join(RUNTIME)))?;
    }
    Ok(())
}

fn docs() -> Result<()> {
    let mut command = cargo(["doc", "--quiet", "--workspace", "--no-deps", "--locked"]);
    shell::run(command.env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// `INSTA_UPDATE=no`: a listing that changed fails instead of writing a file nobody reads.
fn tests(tally: &mut Tally) -> Result<()> {
    let mut command = cargo(["test", "--workspace", "--locked", "--no-fail-fast"]);
    shell::run_watched(command.env("INSTA_UPDATE", "no"), |line| tally.read(line))
}

fn first_command() -> Result<()> {
    if !has_manifest(RUNTIME) {
        println!("not run: there is no runtime image to build yet");
        return Ok(());
    }
    let scratch = metadata()?.target_directory.join("first-command.drcov");
    let mut command = cargo(["run", "--locked", "--release", "--bin", "midtrace", "--", "cov", "-o"]);
    shell::run(command.arg(scratch).args(["--", "ls", "-la", "/usr"]))
}

fn benches(tally: &mut Tally) -> Result<()> {
    let mut command = cargo(["bench", "--locked", "-p", "midstride-benches", "--", "--test"]);
    shell::run_watched(&mut command, |line| tally.read(line))?;
    bench::test_kernels()
}
