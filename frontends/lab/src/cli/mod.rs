//! The command line: where input comes from, and the exit status.

mod complete;
mod output;
mod prompt;

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{Parser, ValueEnum};
use midstride_control::Backend;
use midstride_lab::{Error, Flow, Session};

use output::{Output, Style};

const EXAMPLES: &str = "\
Examples:
  midlab                                       a prompt; `help` explains what can be typed
  midlab -c 'mov eax, 7; imul eax, eax'        runs instructions and shows what they change
  midlab -c '48 01 d8'                         the same with bytes
  midlab -c 'set xmm0.f32 = 1, 2, 3, 4' -c 'haddps xmm0, xmm0' -c 'regs xmm0'
  midlab loop.s                                runs a file
  midlab -i loop.s                             loads it and gives a prompt: break, step, reload
  midlab --json < script                       one JSON object per event
  midlab -c 'bench vaddps zmm0, zmm1, zmm2'    nanoseconds, least and median

Exit status: 0 when all went well, 1 when a program faulted or an assertion failed,
2 when something could not be assembled, understood or started.";

/// Type machine code, run it on live registers, step, stop, edit and reload it.
#[derive(Parser)]
#[command(name = "midlab", version, after_help = EXAMPLES)]
struct Args {
    /// A file in Intel syntax to run.
    file: Option<PathBuf>,
    /// Carry out a line of input, code or a command, instead of the prompt; may be repeated.
    #[arg(short, long = "command", value_name = "LINE")]
    command: Vec<String>,
    /// Load FILE and give a prompt.
    #[arg(short, long)]
    interactive: bool,
    /// How code is run: natively by signals, in a process of its own by ptrace, or instruction by instruction.
    /// With signal and translated it runs in this process and can destroy it.
    #[arg(short, long, value_enum, default_value_t = BackendArg::Translated)]
    backend: BackendArg,
    /// Write events as JSON, one object in each line.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    color: Colour,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackendArg {
    Signal,
    Ptrace,
    Translated,
}

impl From<BackendArg> for Backend {
    fn from(arg: BackendArg) -> Self {
        match arg {
            BackendArg::Signal => Self::Signal,
            BackendArg::Ptrace => Self::Ptrace,
            BackendArg::Translated => Self::Translated,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

/// Something could not be understood or started.
const USAGE: u8 = 2;
/// A program faulted, or an assertion failed.
const BAD_END: u8 = 1;

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    match args.color {
        Colour::Auto => {}
        Colour::Always => ColorChoice::Always.write_global(),
        Colour::Never => ColorChoice::Never.write_global(),
    }
    let output = Output::new(if args.json { Style::Json } else { Style::Text });
    // SAFETY: what is typed is the user's own doing; --help says that it runs in this process.
    let session = unsafe { Session::start(args.backend.into()) };
    let done = session.and_then(|session| run(&args, session, &output));
    let status = done.unwrap_or_else(|error| {
        output.error(&error);
        status_of(&error)
    });
    ExitCode::from(status)
}

fn status_of(error: &Error) -> u8 {
    if matches!(error, Error::Assertion { .. }) { BAD_END } else { USAGE }
}

/// Carries out all input there is; gives back the exit status.
fn run(args: &Args, mut session: Session, output: &Output) -> Result<u8, Error> {
    // Without it, Ctrl-C ends midlab, as it does other programs.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, session.interrupt_flag());
    let has_input = args.file.is_some() || !args.command.is_empty();
    if let Some(file) = &args.file {
        let verb = if args.interactive { "load" } else { "run" };
        session.execute(&format!("{verb} {}", file.display()), &mut |event| output.event(&event))?;
    }
    for line in &args.command {
        if session.execute(line, &mut |event| output.event(&event))? == Flow::Quit {
            break;
        }
    }
    if args.interactive || !has_input && io::stdin().is_terminal() {
        prompt::run(&mut session, output)?;
        return Ok(0);
    }
    if !has_input {
        script(&mut session, output)?;
    }
    Ok(if session.ended_badly() { BAD_END } else { 0 })
}

/// Carries out lines from standard input; the first error ends it.
fn script(session: &mut Session, output: &Output) -> Result<(), Error> {
    let mut text = String::new();
    for line in io::stdin().lock().lines() {
        let failed = |error| Error::File { path: PathBuf::from("standard input"), error };
        text.push_str(&line.map_err(failed)?);
        // A line that ends with a backslash goes on in the next.
        if let Some(start) = text.strip_suffix('\\') {
            text = start.to_owned() + "\n";
            continue;
        }
        if session.execute(&text, &mut |event| output.event(&event))? == Flow::Quit {
            break;
        }
        text.clear();
    }
    Ok(())
}
