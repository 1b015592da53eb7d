//! The command line.

mod args;

use anyhow::Result;
use clap::Parser;
use midstride_tracer::{Children, Ending, Mode, Options, Program, Session, SessionError, Torture, die_by_signal};

use self::args::{Args, Command, RunArgs};

/// Runs the command and answers the exit code.
pub(crate) fn main() -> i32 {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nothing can be said when nobody listens.
            drop(error.print());
            return error.exit_code();
        }
    };
    match run(&args) {
        Ok(Ending::Exited(status)) => status.into(),
        Ok(Ending::Killed(signal)) => die_by_signal(signal),
        Err(error) => {
            eprintln!("midtrace: {error:#}");
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> i32 {
    match error.downcast_ref::<SessionError>() {
        Some(SessionError::Start(start)) => start.exit_code().into(),
        _ => 125,
    }
}

fn run(args: &Args) -> Result<Ending> {
    let (mode, common) = match &args.command {
        Command::Run(common) => (Mode::Run, common),
    };
    let mut session = Session::new(options(mode, common))?;
    let outcome = session.run(&program(common))?;
    Ok(outcome.ending)
}

fn options(mode: Mode, args: &RunArgs) -> Options {
    Options {
        mode,
        children: if args.no_follow_children { Children::Native } else { Children::Follow },
        cache_bytes: args.cache_size.unwrap_or(0),
        verbosity: args.verbose.into(),
        torture: if args.torture { Torture::On } else { Torture::Off },
        image: std::env::var_os("MIDTRACE_IMAGE").map(Into::into),
    }
}

fn program(args: &RunArgs) -> Program {
    let (name, rest) = args.program.split_first().expect("clap demands at least one value");
    Program { name: name.clone(), args: rest.to_vec() }
}
