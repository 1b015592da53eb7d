//! What runs the kernels. Every engine is a command that takes the same arguments, `run --times FILE [--dir FOLDER]
//! PROGRAM ARGUMENTS…` and `compile --times FILE --rounds N MODULE`, and writes the same JSON into FILE.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::build::{Builder, Profile};
use super::kernels::Program;
use crate::bench::measure::{End, Meter, Sample};
use crate::bench::series::Way;
use crate::project::root;
use crate::shell;

/// This project's.
pub(super) const OURS: &str = "midwasm";
/// The same without polls in loops.
pub(super) const WITHOUT_POLLS: &str = "no loop polls";
/// What run times are compared with.
pub(super) const BASE: &str = "cranelift";

/// An engine: a column of the table.
pub(super) struct Engine {
    /// The column's head.
    pub(super) name: &'static str,
    /// The command.
    command: Vec<OsString>,
    /// Arguments of its own for running.
    options: &'static [&'static str],
}

/// What an engine says of a program.
#[derive(Deserialize)]
pub(super) struct Times {
    /// Processor time of each time it was compiled.
    pub(super) compile_ns: Vec<u64>,
    /// Processor time of its run.
    pub(super) run_ns: Option<u64>,
    /// Size of its code, where the engine says it.
    pub(super) code_bytes: Option<usize>,
    /// Size of what the engine knows about the code's states.
    pub(super) map_bytes: Option<usize>,
}

/// V8's baseline compiler alone, all of a module when it is asked for, in this thread.
const LIFTOFF: [&str; 5] = [
    "--no-warnings",
    "--liftoff-only",
    "--no-wasm-lazy-compilation",
    "--no-wasm-tier-up",
    "--single-threaded",
];

/// This project's engine in its variants, built.
pub(super) fn ours(builder: &Builder, profile: Profile) -> Result<Vec<Engine>> {
    let midwasm = builder.midwasm(profile)?;
    Ok(vec![engine(OURS, &midwasm, &[]), engine(WITHOUT_POLLS, &midwasm, &["--polls", "entries"])])
}

/// The other engines that are here or can be built.
pub(super) fn peers(builder: &Builder) -> Vec<Engine> {
    let mut all = Vec::new();
    match builder.wasmtime() {
        Ok(wasmtime) => {
            for name in [BASE, "winch"] {
                let mut engine = engine(name, &wasmtime, &[]);
                engine.command.extend(["--strategy", name].map(OsString::from));
                all.push(engine);
            }
        }
        Err(error) => println!("NOT MEASURED: wasmtime: {error:#}"),
    }
    match shell::find(&["node", "nodejs"]) {
        Some(node) => {
            let script = root().join("benches").join("wasm-peers").join("node.mjs");
            let mut liftoff = engine("liftoff", &node, &[]);
            liftoff.command.extend(LIFTOFF.map(OsString::from));
            liftoff.command.push(script.into());
            all.push(liftoff);
        }
        None => println!("NOT MEASURED: liftoff: node is not installed"),
    }
    all
}

fn engine(name: &'static str, program: &Path, options: &'static [&'static str]) -> Engine {
    Engine { name, command: vec![program.into()], options }
}

/// Runs programs natively and in engines.
pub(super) struct Runner<'a> {
    /// What measures.
    pub(super) meter: Meter<'a>,
    /// Where engines write their times.
    pub(super) times: PathBuf,
}

impl Runner<'_> {
    /// The program for this processor; the time is all of its process's.
    pub(super) fn native<'a>(&'a self, program: &'a Program) -> Way<'a> {
        let command = || {
            let mut command = Command::new(&program.native);
            command.args(program.args).current_dir(&program.folder);
            command
        };
        Way { name: "native", rounds: u32::MAX, run: Box::new(move || self.meter.run(&mut command())) }
    }

    /// The program in an engine; the time is that of the run without compiling.
    pub(super) fn wasm<'a>(&'a self, engine: &'a Engine, program: &'a Program) -> Way<'a> {
        Way { name: engine.name, rounds: u32::MAX, run: Box::new(move || self.sample(engine, program)) }
    }

    fn sample(&self, engine: &Engine, program: &Program) -> Result<Sample> {
        let mut command = self.command(engine, "run");
        command
            .args(engine.options)
            .args(["--dir", "."])
            .arg(&program.wasm)
            .args(program.args)
            .current_dir(&program.folder);
        let sample = self.meter.run(&mut command)?;
        if sample.behaviour.end != End::Exit(0) {
            return Ok(sample);
        }
        let run = self.times()?.run_ns.with_context(|| format!("{} says no time", engine.name))?;
        Ok(Sample { cpu: Duration::from_nanos(run), ..sample })
    }

    /// Compiles a module a few times in one process; once where that takes so long that nothing else matters.
    pub(super) fn compile(&self, engine: &Engine, module: &Path) -> Result<Times> {
        let rounds = if engine.name == BASE { "1" } else { "3" };
        let sample =
            self.meter.run(self.command(engine, "compile").args(["--rounds", rounds]).arg(module))?;
        let end = sample.behaviour.end;
        ensure!(end == End::Exit(0), "{} ends by {end:?}", engine.name);
        self.times()
    }

    /// The engine, about to write its times where there are none yet.
    fn command(&self, engine: &Engine, verb: &str) -> Command {
        // When it is not there, it need not be removed.
        let _ = fs::remove_file(&self.times);
        let mut command = Command::new(&engine.command[0]);
        command.args(&engine.command[1..]).arg(verb).arg("--times").arg(&self.times);
        command
    }

    fn times(&self) -> Result<Times> {
        let text = fs::read(&self.times).with_context(|| format!("no {}", self.times.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not as agreed", self.times.display()))
    }
}
