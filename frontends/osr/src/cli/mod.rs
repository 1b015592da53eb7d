//! The command line.

mod checkpoint;
mod inspect;
mod print;
mod program;
mod session;
mod show;
mod stops;
mod times;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use midstride_osr::{Config, Engine, Module, Polls};
use print::{print, reasons, say};
use times::{Times, timed};

/// Exit status when midwasm itself fails.
pub(crate) const FAILED: u8 = 125;

/// Runs WebAssembly programs, freezes them, and goes on with them.
#[derive(Parser, Debug)]
#[command(name = "midwasm", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Runs a program, or prints what another exported function answers
    Run {
        #[command(flatten)]
        stops: StopArgs,
        #[command(flatten)]
        program: ProgramArgs,
    },
    /// Runs a program for a while, then freezes it into a file
    Freeze {
        /// When, as 500ms, 2s, 1m, 1h
        #[arg(long, value_parser = duration, default_value = "1s")]
        after: Duration,
        /// The image to write
        #[arg(short, long)]
        output: PathBuf,
        #[command(flatten)]
        program: ProgramArgs,
    },
    /// Goes on with a frozen program, or with the newest whole checkpoint of a directory
    Thaw {
        /// An image, or a directory with checkpoints
        image: PathBuf,
        /// The module, if it is no longer where it was
        #[arg(long)]
        module: Option<PathBuf>,
        /// Start without looking at the checksums of memory
        #[arg(long)]
        trust: bool,
        #[command(flatten)]
        stops: StopArgs,
    },
    /// Shows what is in an image, or in the newest whole checkpoint of a directory
    Inspect {
        /// An image, or a directory with checkpoints
        image: PathBuf,
        /// The module, if it is no longer where it was
        #[arg(long)]
        module: Option<PathBuf>,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Says whether a module is valid
    Validate {
        /// A module, binary or text
        module: PathBuf,
    },
    /// Shows a module's functions, or the machine code of one with the operators it belongs to
    Show {
        /// A module, binary or text
        module: PathBuf,
        /// Its index, its name in the name section, or the name it is exported by
        function: Option<String>,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Compiles a module and says how fast, and how large the result is
    Compile {
        /// A module, binary or text
        module: PathBuf,
        /// How many times; the fastest one counts
        #[arg(long, default_value_t = 1)]
        rounds: u32,
        /// Also write each round's time there, as JSON
        #[arg(long)]
        times: Option<PathBuf>,
    },
}

/// What a program is and has.
#[derive(clap::Args, Debug)]
pub(crate) struct ProgramArgs {
    /// Calls this function instead of `_start`, and prints what it answers
    #[arg(long)]
    pub(crate) invoke: Option<String>,
    /// A directory for it: HOST, or HOST::GUEST when it shall see it under another name
    #[arg(long)]
    pub(crate) dir: Vec<String>,
    /// A variable for it, with the value it has here or with VALUE: NAME[=VALUE]
    #[arg(long)]
    pub(crate) env: Vec<String>,
    /// How its code finds out that it is to stop: to measure what that costs
    #[arg(long, value_enum, default_value_t = Where::Stepped, hide = true)]
    pub(crate) polls: Where,
    /// A module, binary or text
    pub(crate) module: PathBuf,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}

/// Names of [`Polls`].
#[derive(Clone, Copy, clap::ValueEnum, Default, Debug)]
pub(crate) enum Where {
    #[default]
    Stepped,
    Compared,
    Entries,
}

impl From<Where> for Polls {
    fn from(place: Where) -> Self {
        match place {
            Where::Stepped => Self::Stepped,
            Where::Compared => Self::Compared,
            Where::Entries => Self::Entries,
        }
    }
}

/// When a running program is saved.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct StopArgs {
    /// Where Ctrl-\ freezes it to
    #[arg(long, default_value = "midwasm.image")]
    pub(crate) freeze_to: PathBuf,
    /// Save it this often, as 500ms, 2s, 1m, 1h
    #[arg(long, value_parser = duration, requires = "checkpoint_dir")]
    pub(crate) checkpoint_every: Option<Duration>,
    /// Where checkpoints are kept
    #[arg(long, requires = "checkpoint_every")]
    pub(crate) checkpoint_dir: Option<PathBuf>,
    /// Write what compiling and running took there, as JSON
    #[arg(long)]
    pub(crate) times: Option<PathBuf>,
}

/// Units of time, and how many milliseconds they have.
const UNITS: [(&str, f64); 4] = [("ms", 1.0), ("s", 1e3), ("m", 6e4), ("h", 3.6e6)];

fn duration(text: &str) -> Result<Duration> {
    let unit = UNITS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, ms)));
    let (number, ms) = unit.ok_or_else(|| anyhow!("a time has a unit: 500ms, 2s, 1m, 1h"))?;
    let number = number.trim().parse::<f64>();
    let number = number.map_err(|_| anyhow!("a time is a number and a unit: 500ms, 2s, 1m, 1h"))?;
    Ok(Duration::try_from_secs_f64(number * ms / 1e3)?)
}

/// Says why nothing came of it.
pub(crate) fn tell(error: &anyhow::Error) {
    say(reasons(error));
}

/// Does what the arguments say.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Run { stops, program } => session::run(&program, &stops),
        Command::Freeze { after, output, program } => session::freeze(&program, after, output),
        Command::Thaw { image, module, trust, stops } => session::thaw(&image, module, trust, &stops),
        Command::Inspect { image, module, json } => inspect::inspect(&image, module, json),
        Command::Validate { module } => {
            Module::validate(read(&module)?).with_context(|| module.display().to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { module, function, json } => show::show(&module, function.as_deref(), json),
        Command::Compile { module, rounds, times } => compile(&module, rounds, times.as_deref()),
    }
}

fn compile(path: &Path, rounds: u32, times: Option<&Path>) -> Result<ExitCode> {
    let engine = Engine::new(Config::default())?;
    let wasm = read(path)?;
    let (mut all, mut last) = (Vec::new(), None);
    for _ in 0..rounds.max(1) {
        // Its memory can be used again.
        drop(last.take());
        let wasm = wasm.clone();
        let (module, time) = timed(|| Module::from_vec(&engine, wasm));
        last = Some(module.with_context(|| path.display().to_string())?);
        all.push(time);
    }
    let (Some(module), Some(best)) = (last, all.iter().min()) else { return Ok(ExitCode::SUCCESS) };
    if let Some(path) = times {
        Times::new(&module, &all, None).write(path)?;
    }
    let (bytes, seconds, (code, map)) = (wasm.len() as f64, best.as_secs_f64(), module.sizes());
    print(format_args!(
        "{} bytes in {:.1} ms: {:.1} MB/s\ncode {code} bytes ({:.2} per byte), map {map} ({:.2})\n",
        wasm.len(),
        seconds * 1e3,
        bytes / seconds / 1e6,
        code as f64 / bytes,
        map as f64 / bytes
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}
