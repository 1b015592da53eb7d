//! Turns commands into tests of the test runner.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::compare::{Rules, difference};
use crate::job::{Job, Outcome, Scratch};
use crate::mode::Mode;
use crate::report::NotRun;
use crate::{midtrace, needs};

/// Where tests build and run.
#[derive(Clone, Debug)]
pub struct Place {
    /// The target directory.
    pub target: PathBuf,
    /// The keeper's path.
    pub keeper: PathBuf,
}

impl Place {
    /// From the path of the keeper, which Cargo gives to integration tests.
    #[must_use]
    pub fn of_keeper(keeper: &str) -> Place {
        Place { target: midtrace::target_directory(keeper), keeper: keeper.into() }
    }
}

/// One command with all that is known about it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The test's name.
    pub name: String,
    /// The runs, one after the other, each compared.
    pub jobs: Vec<Job>,
    /// What may differ.
    pub rules: Rules,
    /// How it is run a second time.
    pub modes: Vec<Mode>,
    /// What standard output must hold natively: guards against a test that compares two failures.
    pub expected: Vec<String>,
    /// How often the code cache is evicted at least, in the modes that are about that.
    pub evictions: u64,
}

/// A suite of tests under construction.
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
    not_run: NotRun,
}

impl Suite {
    /// Adds a test.
    pub fn add(&mut self, name: &str, run: impl FnOnce() -> Result<(), Failed> + Send + 'static) {
        self.trials.push(Trial::test(name, run));
    }

    /// Adds a test that cannot be run here.
    pub fn leave_out(&mut self, name: &str, reason: impl Into<String>) {
        self.not_run.add(reason, name);
        self.trials.push(Trial::test(name, || Ok(())).with_ignored_flag(true));
    }

    /// Adds a test of `case`, unless one of `programs` is missing.
    pub fn add_case(&mut self, place: &Arc<Place>, programs: &[&str], case: Case) {
        let name = case.name.clone();
        if let Some(missing) = needs::missing_program(programs) {
            return self.leave_out(&name, format!("{missing} is not installed"));
        }
        let place = Arc::clone(place);
        self.add(&name, move || run_case(&place, &case));
    }

    /// Runs the suite as the process's arguments say, and exits.
    pub fn conclude(self, name: &str) -> ! {
        let arguments = Arguments::from_args();
        let listing = arguments.list;
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        if !listing && !self.not_run.is_empty() {
            self.not_run.print(name);
        }
        conclusion.exit()
    }
}

/// Runs every job of `case` natively and in each mode.
///
/// # Errors
/// What differs, with a line that repeats it by hand.
pub fn run_case(place: &Place, case: &Case) -> Result<(), Failed> {
    let scratch = Scratch::new(&place.target, &case.name, &place.keeper);
    let mut text = String::new();
    for job in &case.jobs {
        let native = scratch.run(job, &[]);
        if let crate::job::End::TimedOut(where_) = &native.kept.end {
            let _ = writeln!(text, "natively TIMED OUT: {}\n{where_}", show(&job.words));
            continue;
        }
        text.extend(missing(&native, &case.expected));
        for mode in &case.modes {
            compare_in_mode(place, &scratch, job, case, &native, *mode, &mut text)?;
        }
    }
    if text.is_empty() {
        scratch.remove();
        return Ok(());
    }
    Err(text.into())
}

/// Says why the native run itself is no good: it lacks what was expected, or a check in it failed.
fn missing(native: &Outcome, expected: &[String]) -> Option<String> {
    let stdout = String::from_utf8_lossy(&native.stdout);
    let stderr = String::from_utf8_lossy(&native.stderr);
    let why = match expected.iter().find(|text| !stdout.contains(text.as_str())) {
        Some(text) => format!("the output lacks {text:?}"),
        None if stdout.lines().any(|line| line.starts_with("FAIL")) => "a check failed".to_owned(),
        None => return None,
    };
    Some(format!("natively {why}:\n{stdout}\nstderr:\n{stderr}\n"))
}

fn compare_in_mode(
    place: &Place,
    scratch: &Scratch,
    job: &Job,
    case: &Case,
    native: &Outcome,
    mode: Mode,
    text: &mut String,
) -> Result<(), Failed> {
    let mut words: Vec<OsString> = Vec::new();
    if mode != Mode::Native {
        words.push(midtrace::path(&place.target)?.into());
        words.extend(mode.words(&scratch.aside()));
    }
    let traced = scratch.run(&Job { limit: job.limit * mode.patience(), ..job.clone() }, &words);
    if std::env::var_os("MIDSTRIDE_TIMES").is_some() {
        let (cpu, native_cpu) = (traced.kept.cpu_us, native.kept.cpu_us);
        eprintln!(
            "{}: {}: cpu {cpu} us, native {native_cpu} us, wall {} us",
            case.name,
            mode.name(),
            traced.kept.wall_us
        );
    }
    if let Some(times) = mode.evictions(&scratch.aside()).filter(|&times| times < case.evictions) {
        let _ = writeln!(text, "mode {}: {times} evictions, not {}", mode.name(), case.evictions);
    }
    if let Some(found) = difference(native, &traced, &case.rules) {
        words.extend(job.words.iter().cloned());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "mode {}: {found}\n  by hand: {}\n", mode.name(), show(&words));
    }
    Ok(())
}

fn show(words: &[OsString]) -> String {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

/// A job from words, with a limit in seconds.
#[must_use]
pub fn job(words: &[&str], seconds: u64) -> Job {
    let words = words.iter().map(OsString::from).collect();
    Job { words, limit: Duration::from_secs(seconds), ..Job::default() }
}

/// The path of an executable as the first word of a command.
#[must_use]
pub fn words_of(executable: &Path, arguments: &[String]) -> Vec<OsString> {
    let arguments = arguments.iter().map(OsString::from);
    std::iter::once(executable.as_os_str().to_owned()).chain(arguments).collect()
}
