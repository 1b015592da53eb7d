//! The command line's grammar and its help.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

/// Runs a program under a dynamic code rewriter and says what ran.
#[derive(Parser, Debug)]
#[command(name = "midtrace", version, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to record.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Rewrite only: the program runs as natively, nothing is recorded
    Run(RunArgs),
}

/// Options of all subcommands.
#[derive(clap::Args, Debug)]
pub(crate) struct RunArgs {
    /// Let programs that the program executes run natively
    #[arg(long)]
    pub(crate) no_follow_children: bool,
    /// Limit for each process's code cache, such as 64M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) cache_size: Option<u64>,
    /// Say more, twice for chatter
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Evict constantly
    #[arg(long, hide = true)]
    pub(crate) torture: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// Reads a byte count with an optional K, M or G behind it.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.to_ascii_uppercase().strip_suffix(['K', 'M', 'G']) {
        None => (text.to_owned(), 0),
        Some(digits) => (digits.to_owned(), shift_of(text)),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a number, with K, M or G behind it".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

fn shift_of(text: &str) -> u32 {
    match text.as_bytes().last() {
        Some(b'k' | b'K') => 10,
        Some(b'm' | b'M') => 20,
        _ => 30,
    }
}
