//! The command line.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Parser, Subcommand};
use midstride_osr::{Config, Engine, Func, Linker, Module, Trap, Val, ValType, WasiCtx};
use midstride_wasi::{Builder, DirAccess, Exit, Wasi};

/// Exit status when midwasm itself fails.
pub(crate) const FAILED: u8 = 125;
/// Exit status of a program that trapped, as a shell has it for SIGABRT.
const TRAPPED: u8 = 134;

/// Runs WebAssembly programs.
#[derive(Parser, Debug)]
#[command(name = "midwasm", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Runs a program, or one exported function
    Run(Run),
    /// Says whether a module is valid
    Validate {
        /// A module, binary or text
        module: PathBuf,
    },
    /// Compiles a module and says how fast, and how large the result is
    Compile {
        /// A module, binary or text
        module: PathBuf,
        /// How many times; the fastest one counts
        #[arg(long, default_value_t = 1)]
        rounds: u32,
    },
}

#[derive(clap::Args, Debug)]
struct Run {
    /// Gives the program a directory, which it calls by the same name or by GUEST
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<String>,
    /// Gives the program a variable, with the value it has here or with VALUE
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Calls this function instead of `_start`, and prints what it answers
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,
    /// A module, binary or text
    module: PathBuf,
    /// The program's arguments, or the function's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Does what the arguments say.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Run(run) => run.run(),
        Command::Validate { module } => {
            Module::validate(read(&module)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Compile { module, rounds } => compile(&module, rounds),
    }
}

fn compile(path: &PathBuf, rounds: u32) -> Result<ExitCode> {
    let engine = Engine::new(Config::default())?;
    let wasm = read(path)?;
    let (mut best, mut sizes) = (Duration::MAX, (0, 0));
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        let module = Module::new(&engine, &wasm).with_context(|| path.display().to_string())?;
        best = best.min(start.elapsed());
        sizes = module.sizes();
    }
    let (bytes, seconds) = (wasm.len() as f64, best.as_secs_f64());
    let (code, map) = sizes;
    println!("{} bytes in {:.1} ms: {:.1} MB/s", wasm.len(), seconds * 1e3, bytes / seconds / 1e6);
    println!(
        "code {code} bytes ({:.2} per byte), map {map} ({:.2})",
        code as f64 / bytes,
        map as f64 / bytes
    );
    Ok(ExitCode::SUCCESS)
}

fn read(path: &PathBuf) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

impl Run {
    fn run(&self) -> Result<ExitCode> {
        let engine = Engine::new(Config::default())?;
        let name = || self.module.display().to_string();
        let module = Module::new(&engine, read(&self.module)?).with_context(name)?;
        let mut linker = Linker::new();
        WasiCtx::new(self.wasi()?).add_to_linker(&mut linker);
        let instance = linker.instantiate(&module)?;
        let export = self.invoke.as_deref().unwrap_or("_start");
        let func = instance.get_func(export).ok_or_else(|| anyhow!("there is no function `{export}`"))?;
        let params = if self.invoke.is_some() { parse_args(&func, &self.args)? } else { Vec::new() };
        ended(func.call(&params))
    }

    /// What the program gets of its host.
    fn wasi(&self) -> Result<Wasi> {
        // Functions that are called by name have their arguments themselves.
        let args = if self.invoke.is_some() { &[] } else { &self.args[..] };
        let name = self.module.file_name().map_or(&b"program"[..], |name| name.as_encoded_bytes());
        let mut builder = Builder::new().inherit_stdio().args([name]).args(args.iter().map(String::as_str));
        for variable in &self.env {
            builder = match variable.split_once('=') {
                Some((name, value)) => builder.env(name, value),
                None => builder.env(variable, env::var(variable).with_context(|| variable.clone())?),
            };
        }
        for dir in &self.dir {
            let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
            builder = builder.preopened_dir(host, guest, DirAccess::ReadWrite)?;
        }
        Ok(builder.build()?)
    }
}

/// The process's status for how the program ended.
fn ended(result: Result<Vec<Val>, Trap>) -> Result<ExitCode> {
    match result {
        Ok(results) => {
            results.iter().for_each(|value| println!("{}", show(value)));
            Ok(ExitCode::SUCCESS)
        }
        Err(trap) => match WasiCtx::exit_of(&trap) {
            // As the kernel does: the low byte.
            Some(Exit::Process { code }) => Ok(ExitCode::from(code as u8)),
            _ => {
                eprintln!("midwasm: trap: {trap:?}");
                Ok(ExitCode::from(TRAPPED))
            }
        },
    }
}

fn parse_args(func: &Func, args: &[String]) -> Result<Vec<Val>> {
    let types = func.ty().params();
    if types.len() != args.len() {
        bail!("{} arguments wanted, {} given", types.len(), args.len());
    }
    types.iter().zip(args).map(|(&ty, arg)| parse_arg(ty, arg)).collect()
}

fn parse_arg(ty: ValType, arg: &str) -> Result<Val> {
    let wrong = || format!("`{arg}` is no {ty}");
    Ok(match ty {
        ValType::I32 => Val::I32(arg.parse().with_context(wrong)?),
        ValType::I64 => Val::I64(arg.parse().with_context(wrong)?),
        ValType::F32 => Val::from(arg.parse::<f32>().with_context(wrong)?),
        ValType::F64 => Val::from(arg.parse::<f64>().with_context(wrong)?),
        ty => bail!("a {ty} cannot be given on the command line"),
    })
}

fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(bits) => format!("{bits:#034x}"),
        reference => format!("{reference:?}"),
    }
}
