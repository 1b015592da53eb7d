//! The command line.

mod args;
mod output;

use anyhow::{Context, Result};
use clap::Parser;
use midstride_tracer::report::{Counters, Filter, Summary};
use midstride_tracer::{
    Children, Ending, Mode, Options, Program, Session, SessionError, Torture, die_by_signal,
};

use self::args::{Args, Common};

/// Exit code when midtrace itself fails, as `env` and `timeout` have it.
const OWN_FAILURE: i32 = 125;

/// Runs the command and answers the exit code.
pub(crate) fn main() -> i32 {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nothing can be said when nobody listens.
            drop(error.print());
            return if error.use_stderr() { OWN_FAILURE } else { 0 };
        }
    };
    let (mode, common) = args.command.parts();
    match run(mode, common) {
        Ok(Ending::Exited(status)) => status.into(),
        Ok(Ending::Killed(signal)) => die_by_signal(signal),
        Err(error) => {
            output::complain(&error);
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> i32 {
    match error.downcast_ref::<SessionError>() {
        Some(SessionError::Start(start)) => start.exit_code().into(),
        _ => OWN_FAILURE,
    }
}

/// Runs the program and reports. A report that fails is said, but the exit status stays the program's.
fn run(mode: Mode, common: &Common) -> Result<Ending> {
    let mut session = Session::new(options(mode, common))?;
    let outcome = session.run(&program(common))?;
    let ending = outcome.ending;
    if output::wanted(mode, common) {
        let reported = session.profile(filter(common)).context("cannot read what was recorded");
        let reported = reported.and_then(|profile| {
            let mut summary = Summary::new(mode, &common.program, outcome, profile);
            summary.counters = if common.stats { Counters::Shown } else { Counters::Hidden };
            output::report(&mut summary, common)
        });
        if let Err(error) = reported {
            output::complain(&error);
        }
    }
    Ok(ending)
}

fn options(mode: Mode, common: &Common) -> Options {
    Options {
        mode,
        children: if common.no_follow_children { Children::Native } else { Children::Follow },
        cache_bytes: common.cache_size.unwrap_or(0),
        verbosity: common.verbose.into(),
        torture: if common.torture { Torture::On } else { Torture::Off },
        image: std::env::var_os("MIDTRACE_IMAGE").map(Into::into),
    }
}

fn filter(common: &Common) -> Filter {
    Filter { include: common.include.clone(), exclude: common.exclude.clone() }
}

fn program(common: &Common) -> Program {
    let (name, rest) = common.program.split_first().expect("clap demands at least one word");
    Program { name: name.clone(), args: rest.to_vec() }
}
