//! Real programs, as users run them, natively and in each mode.
//!
//! Each file of `real/` is one test. Lines that start with `#:` say what it shows and how it is run:
//!
//! ```text
//! #: the fact that it shows
//! #: command: ls -lR /usr    this command, word by word; without it the file itself is run by sh, bash or python3
//! #: needs: git make         programs without which the test is NOT RUN
//! #: path: /some/file        likewise a file
//! #: env: NAME=VALUE         added to the environment
//! #: keep-home               HOME and the directories of cargo are the user's
//! #: limit: 60               seconds for one run
//! #: slow                    only with MIDSTRIDE_SLOW=1
//! #: modes: run              which of the usual modes apply (default: all)
//! #: also: torture            modes beside the usual ones
//! #: any-order               lines may come in any order
//! #: expect: TEXT           what the native output must hold
//! #: filter: PATTERN => TEXT applied to both outputs before comparing
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use midstride_tests::compare::{AnyOrder, Rules};
use midstride_tests::job::Job;
use midstride_tests::mode::{self, Mode};
use midstride_tests::trial::{Case, Place, Suite};
use midstride_tests::{needs, program};

/// What is run of each program unless `MIDSTRIDE_MODES` says otherwise; slow ones are only rewritten.
const FAST: [Mode; 2] = [Mode::Run, Mode::Cov];
const SLOW: [Mode; 1] = [Mode::Run];
/// How often the code cache is evicted in torture at least.
const EVICTIONS: u64 = 1000;

#[derive(Default)]
struct Real {
    name: String,
    words: Vec<String>,
    needs: Vec<String>,
    paths: Vec<PathBuf>,
    env: Vec<(String, String)>,
    limit: u64,
    slow: bool,
    also: Vec<String>,
    modes: Vec<String>,
    rules: Rules,
    expected: Vec<String>,
}

fn main() {
    let place = Arc::new(Place::of_keeper(env!("CARGO_BIN_EXE_keeper")));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("real");
    let entries = fs::read_dir(directory).expect("the directory is part of this package");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("readable directory entry").path()).collect();
    files.sort();
    let mut suite = Suite::default();
    for file in files {
        add(&mut suite, &place, read(&file));
    }
    suite.conclude("real");
}

fn add(suite: &mut Suite, place: &Arc<Place>, real: Real) {
    if real.slow && !needs::slow_wanted() {
        return suite.leave_out(&real.name, "slow, wants MIDSTRIDE_SLOW=1");
    }
    if let Some(missing) = real.paths.iter().find(|path| !path.exists()) {
        return suite.leave_out(&real.name, format!("{} is not there", missing.display()));
    }
    let modes = modes(&real);
    let job = Job {
        words: real.words.iter().map(Into::into).collect(),
        env: real.env,
        limit: Duration::from_secs(real.limit),
        ..Job::default()
    };
    let programs: Vec<&str> = real.needs.iter().map(String::as_str).collect();
    let (name, rules, expected) = (real.name, real.rules, real.expected);
    suite.add_case(
        place,
        &programs,
        Case { name, jobs: vec![job], rules, modes, expected, evictions: EVICTIONS },
    );
}

fn modes(real: &Real) -> Vec<Mode> {
    let usual: &[Mode] = if real.slow { &SLOW } else { &FAST };
    let also = real.also.iter().map(|name| Mode::parse(name).expect("a mode's name"));
    let mut modes = mode::wanted(&usual.iter().copied().chain(also).collect::<Vec<_>>());
    modes.retain(|mode| real.modes.is_empty() || real.modes.iter().any(|name| name == mode.name()));
    modes
}

fn read(file: &Path) -> Real {
    let text = fs::read_to_string(file).expect("a readable file");
    let name = file.file_stem().and_then(|stem| stem.to_str()).expect("an ASCII name");
    let mut real = Real { name: name.to_owned(), limit: 60, ..Real::default() };
    for line in text.lines().filter_map(|line| line.strip_prefix("#:")) {
        directive(&mut real, line.trim());
    }
    let interpreter = match file.extension().and_then(|extension| extension.to_str()) {
        Some("sh") => "/bin/sh",
        Some("bash") => "/bin/bash",
        Some("py") => python(),
        _ => return real,
    };
    real.words = vec![interpreter.to_owned(), file.display().to_string()];
    real
}

/// The system's own, where there is one: what stands first in `PATH` may be a script that looks for it.
fn python() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

fn directive(real: &mut Real, line: &str) {
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    let words = || value.split_whitespace().map(str::to_owned);
    match key {
        "command" => real.words.extend(words()),
        "needs" => real.needs.extend(words()),
        "path" => real.paths.extend(words().map(PathBuf::from)),
        "env" => {
            real.env.extend(value.trim().split_once('=').map(|(name, to)| (name.to_owned(), to.to_owned())))
        }
        "keep-home" => real.env.extend(kept()),
        "expect" => real.expected.push(value.trim().to_owned()),
        "limit" => real.limit = value.trim().parse().expect("a number of seconds"),
        "slow" => real.slow = true,
        "also" => real.also.extend(words()),
        "modes" => real.modes.extend(words()),
        "any-order" => real.rules.any_order = AnyOrder::Yes,
        "filter" => real.rules.filters.push(program::filter(value)),
        // The fact itself.
        _ => {}
    }
}

fn kept() -> impl Iterator<Item = (String, String)> {
    let names = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    names.into_iter().filter_map(|name| std::env::var(name).ok().map(|value| (name.to_owned(), value)))
}
