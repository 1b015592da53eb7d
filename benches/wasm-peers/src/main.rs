//! Runs a WASI program under wasmtime, and says how long compiling and running took.
//!
//! `wasm-peers --strategy winch run --times FILE [--dir FOLDER] PROGRAM.wasm ARGUMENTS…`, or `compile --times FILE
//! --rounds N MODULE.wasm`: as `midwasm` has it, with the same JSON in FILE.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};
use nix::time::{ClockId, clock_gettime};
use wasmtime::{Config, Engine, Linker, Module, Store, Strategy};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// What is done by which compiler.
#[derive(Parser)]
struct Args {
    /// Which compiler.
    #[arg(long)]
    strategy: Compiler,
    #[command(subcommand)]
    action: Action,
}

/// What is done.
#[derive(Subcommand)]
enum Action {
    /// Runs a WASI program.
    Run(Run),
    /// Compiles a module.
    Compile {
        /// Where the times go.
        #[arg(long)]
        times: PathBuf,
        /// How many times.
        #[arg(long, default_value_t = 1)]
        rounds: u32,
        /// The module, in binary form.
        module: PathBuf,
    },
}

/// A program and what it has.
#[derive(clap::Args)]
struct Run {
    /// Where the times go.
    #[arg(long)]
    times: PathBuf,
    /// A directory for it.
    #[arg(long)]
    dir: Vec<String>,
    /// The program, in binary form.
    program: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// wasmtime's compilers.
#[derive(Clone, Copy, ValueEnum)]
enum Compiler {
    /// The optimizing one.
    Cranelift,
    /// The baseline one.
    Winch,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let engine = engine(args.strategy)?;
    match &args.action {
        Action::Run(run) => {
            let (module, compile) = compile(&engine, &read(&run.program)?)?;
            let time = run.run(&engine, &module)?;
            write(&run.times, &module, &[compile], Some(time))
        }
        Action::Compile { times, rounds, module } => {
            let wasm = read(module)?;
            let mut all = Vec::new();
            for _ in 1..*rounds {
                all.push(compile(&engine, &wasm)?.1);
            }
            let (module, last) = compile(&engine, &wasm)?;
            all.push(last);
            write(times, &module, &all, None)
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, module: &Module, compile: &[Duration], run: Option<Duration>) -> Result<()> {
    let nanoseconds = |time: &Duration| time.as_nanos() as u64;
    let compile: Vec<u64> = compile.iter().map(nanoseconds).collect();
    let run = run.as_ref().map(nanoseconds);
    let code = module.text().len();
    let times = serde_json::json!({ "compile_ns": compile, "run_ns": run, "code_bytes": code });
    Ok(fs::write(path, times.to_string())?)
}

/// An engine that compiles in this thread.
fn engine(compiler: Compiler) -> Result<Engine> {
    let mut config = Config::new();
    config.strategy(match compiler {
        Compiler::Cranelift => Strategy::Cranelift,
        Compiler::Winch => Strategy::Winch,
    });
    Ok(Engine::new(&config)?)
}

fn compile(engine: &Engine, wasm: &[u8]) -> Result<(Module, Duration)> {
    let start = thread_cpu()?;
    let module = Module::from_binary(engine, wasm)?;
    Ok((module, thread_cpu()? - start))
}

impl Run {
    /// Runs the program to its end.
    fn run(&self, engine: &Engine, module: &Module) -> Result<Duration> {
        let mut linker: Linker<WasiP1Ctx> = Linker::new(engine);
        add_to_linker_sync(&mut linker, |wasi| wasi)?;
        let mut store = Store::new(engine, self.wasi()?);
        let instance = linker.instantiate(&mut store, module)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        let begun = thread_cpu()?;
        let result = start.call(&mut store, ());
        let time = thread_cpu()? - begun;
        match result {
            Err(error) if error.downcast_ref::<I32Exit>().is_none_or(|exit| exit.0 != 0) => Err(error.into()),
            _ => Ok(time),
        }
    }

    fn wasi(&self) -> Result<WasiP1Ctx> {
        let mut builder = WasiCtxBuilder::new();
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        builder.inherit_stdio().arg(name).args(&self.args);
        for dir in &self.dir {
            builder.preopened_dir(dir, dir, FsPerms::ReadWrite)?;
        }
        Ok(builder.build_p1())
    }
}

/// Time that this thread has had of a processor.
fn thread_cpu() -> Result<Duration> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?))
}
