//! The command line's grammar and its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};
use midstride_tracer::Mode;

const EXAMPLES: &str = "\
Examples:
  midtrace run -- make -j4              rewrite everything, record nothing
  midtrace cov -- ls -la /usr           which code ran: a summary and a .drcov file
  midtrace count -- python3 script.py   instructions per module and function
  midtrace count --json -o c.json -- x  the same for programs to read

The program's output, exit status and signals are its own. What midtrace says comes
on standard error after the program's end; -q silences it, -o puts it in a file.

Exit status: the program's; 126 when it cannot be executed, 127 when it is not found,
125 when midtrace itself fails, 70 when the rewriter inside the program does.";

const COV_EXAMPLES: &str = "\
Examples:
  midtrace cov -- ls -la /usr                 writes midtrace.ls.<pid>.drcov here
  midtrace cov -o ls.drcov -- ls              chooses the file; no summary
  midtrace cov --include ls -- ls             only the program itself
  midtrace cov --exclude 'lib*' -- make       everything but libraries

The file loads in Lighthouse, Cartographer and other readers of drcov files.";

const COUNT_EXAMPLES: &str = "\
Examples:
  midtrace count -- gzip -9 file              per module, per function, busiest blocks
  midtrace count --include libz.so.1 -- x     one library
  midtrace count --json -o counts.json -- x   for programs to read";

/// Runs a program under a dynamic code rewriter and says what ran.
///
/// The program, its threads and its children run from their first instruction to their last as they
/// would natively.
#[derive(Parser, Debug)]
#[command(name = "midtrace", version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to record.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to record.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Rewrite only: nothing is recorded
    Run(Common),
    /// Record which blocks are executed and write a drcov file
    #[command(after_help = COV_EXAMPLES)]
    Cov(Common),
    /// Count executed blocks and instructions exactly, per module and function
    #[command(after_help = COUNT_EXAMPLES)]
    Count(Common),
}

impl Command {
    /// The mode and its options.
    pub(crate) fn parts(&self) -> (Mode, &Common) {
        match self {
            Self::Run(common) => (Mode::Run, common),
            Self::Cov(common) => (Mode::Cov, common),
            Self::Count(common) => (Mode::Count, common),
        }
    }
}

/// Options of all subcommands.
#[derive(clap::Args, Debug)]
pub(crate) struct Common {
    /// Write the result to PATH instead of standard error; for `cov`, the drcov file
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Say nothing after the program's end; a file asked for with -o is written nevertheless
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say it as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Report only modules that match MODULE (`*` and `?` as in a shell); may be repeated
    #[arg(long, value_name = "MODULE")]
    pub(crate) include: Vec<String>,
    /// Never report modules that match MODULE; may be repeated
    #[arg(long, value_name = "MODULE")]
    pub(crate) exclude: Vec<String>,
    /// Let programs that the program executes run natively
    #[arg(long)]
    pub(crate) no_follow_children: bool,
    /// Say the engine's counters too
    #[arg(long)]
    pub(crate) stats: bool,
    /// Limit for each process's code cache, such as 64M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) cache_size: Option<u64>,
    /// Say at once what runs natively; twice: what the runtime maps, evicts, starts and executes, too
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Evict constantly, for tests
    #[arg(long, hide = true)]
    pub(crate) torture: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// Reads a byte count with an optional K, M or G behind it.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes() {
        [digits @ .., b'k' | b'K'] => (digits.len(), 10),
        [digits @ .., b'm' | b'M'] => (digits.len(), 20),
        [digits @ .., b'g' | b'G'] => (digits.len(), 30),
        digits => (digits.len(), 0),
    };
    let number: u64 = text[..digits].parse().map_err(|_| "expected a number, with K, M or G behind it")?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn refused(words: &[&str]) -> ErrorKind {
        Args::try_parse_from(words).expect_err("these arguments are wrong").kind()
    }

    #[test]
    fn the_grammar_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_programs_own_options_are_left_to_it() {
        let words = ["midtrace", "cov", "-q", "--include", "a*", "ls", "-q", "--json", "--", "-o"];
        let args = Args::try_parse_from(words).unwrap();
        let (mode, common) = args.command.parts();
        assert_eq!(mode, Mode::Cov);
        assert!(common.quiet && !common.json && common.output.is_none());
        assert_eq!(common.program, ["ls", "-q", "--json", "--", "-o"]);
    }

    #[test]
    fn a_double_dash_before_the_program_is_not_its_argument() {
        let args = Args::try_parse_from(["midtrace", "run", "--", "ls", "-l"]).unwrap();
        assert_eq!(args.command.parts().1.program, ["ls", "-l"]);
    }

    #[test]
    fn missing_and_unknown_words_are_refused() {
        assert_eq!(refused(&["midtrace", "run"]), ErrorKind::MissingRequiredArgument);
        assert_eq!(refused(&["midtrace", "fly", "--", "ls"]), ErrorKind::InvalidSubcommand);
        assert_eq!(
            refused(&["midtrace", "run", "--cache-size", "big", "--", "ls"]),
            ErrorKind::ValueValidation
        );
    }

    #[test]
    fn sizes_take_a_unit() {
        let cases = [("0", 0), ("7", 7), ("2k", 2048), ("64M", 64 << 20), ("3G", 3 << 30)];
        cases.iter().for_each(|&(text, bytes)| assert_eq!(parse_size(text), Ok(bytes)));
        for text in ["", "M", "-1", "1T", "99999999999999G"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn help_teaches_by_examples() {
        let help = Args::command().render_long_help().to_string();
        assert!(help.contains("midtrace cov -- ls -la /usr"), "{help}");
    }
}
