//! The program sources and the directives at their heads.
//!
//! ```text
//! //! the fact that the program shows, in one or more lines
//! // flags: -O2 -pthread       further compiler flags
//! // link: static static-pie   which of the three links apply (default: all)
//! // raw                       no C library and no start files; implies `link: static`
//! // args: a b                 one run with these arguments; may be repeated (default: one run without)
//! // stdin: text               what the program reads
//! // needs: avx512f            CPU flags, or `root`; otherwise the test says NOT RUN
//! // limit: 60                 seconds for one run
//! // slow                      only with MIDSTRIDE_SLOW=1
//! // alone                     not beside other tests (measures time)
//! // oracle: count cov         compared with the single-stepper too
//! // modes: run                which modes apply (default: all)
//! // filter: PATTERN => TEXT   applied to both outputs before comparing
//! // ignore: NAME              a file whose content is not compared
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::compile::Link;

/// One program source.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// File stem, which starts with its milestone: `m2_red_zone`.
    pub name: String,
    /// Where the source is.
    pub source: PathBuf,
    /// What it shows.
    pub fact: String,
    /// Compiler flags beside the common ones.
    pub flags: Vec<String>,
    /// How it is linked.
    pub links: Vec<Link>,
    /// Whether it does without the C library.
    pub raw: bool,
    /// One argument list for each run.
    pub runs: Vec<Vec<String>>,
    /// Standard input.
    pub stdin: String,
    /// CPU flags and privileges without which it says nothing.
    pub needs: Vec<String>,
    /// Seconds one run may take.
    pub limit: u64,
    /// Whether it is left out unless asked for.
    pub slow: bool,
    /// Why its result is known to differ from the native one: it is left out, said aloud.
    pub differs: Option<String>,
    /// Whether nothing may run beside it.
    pub alone: bool,
    /// What of it the single-stepper checks: `count`, `cov`.
    pub oracle: Vec<String>,
    /// Modes that apply; empty for all.
    pub modes: Vec<String>,
    /// Pattern and replacement.
    pub filters: Vec<(String, String)>,
    /// Names of files whose content is not compared.
    pub ignored_files: Vec<String>,
}

/// The directory of the sources.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// All programs that are tests by themselves, by name.
///
/// # Panics
/// When the directory cannot be read or a directive is unknown: both are mistakes in this package.
#[must_use]
pub fn all() -> Vec<Program> {
    let entries = fs::read_dir(directory()).expect("the directory of programs is part of this package");
    let mut programs: Vec<Program> = entries
        .map(|entry| entry.expect("readable directory entry").path())
        .filter(|path| matches!(extension(path), "c" | "cpp" | "S"))
        .map(|path| parse(&path))
        .collect();
    programs.retain(|program| !program.name.starts_with("helper_"));
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    programs
}

/// A C program that is part of a test, by its name, which starts with `helper_`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn helper(name: &str) -> Program {
    parse(&directory().join(name).with_extension("c"))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|text| text.to_str()).unwrap_or("")
}

fn parse(path: &Path) -> Program {
    let text = fs::read_to_string(path).expect("a readable source");
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("an ASCII name");
    let mut program =
        Program { name: stem.to_owned(), source: path.to_owned(), limit: 20, ..Program::default() };
    for line in text.lines().map_while(|line| line.strip_prefix("//")) {
        match line.strip_prefix('!') {
            Some(fact) => program.fact = format!("{} {}", program.fact, fact.trim()).trim().to_owned(),
            None => directive(&mut program, line.trim()),
        }
    }
    if program.links.is_empty() {
        program.links = if program.raw { vec![Link::Static] } else { Link::ALL.to_vec() };
    }
    if program.runs.is_empty() {
        program.runs.push(Vec::new());
    }
    program
}

fn directive(program: &mut Program, line: &str) {
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    let words = || value.split_whitespace().map(str::to_owned);
    match key {
        "flags" => program.flags.extend(words()),
        "link" => program.links.extend(words().map(|word| Link::parse(&word))),
        "raw" => program.raw = true,
        "args" => program.runs.push(words().collect()),
        "stdin" => program.stdin = format!("{}\n", value.trim()),
        "needs" => program.needs.extend(words()),
        "limit" => program.limit = value.trim().parse().expect("a number of seconds"),
        "slow" => program.slow = true,
        "differs" => program.differs = Some(value.trim().to_owned()),
        "alone" => program.alone = true,
        "oracle" => program.oracle.extend(words()),
        "modes" => program.modes.extend(words()),
        "filter" => program.filters.push(filter(value)),
        "ignore" => program.ignored_files.extend(words()),
        _ => panic!("{}: unknown directive {line:?}", program.name),
    }
}

/// A pattern and its replacement, from `PATTERN => TEXT`.
///
/// # Panics
/// When there is no arrow.
#[must_use]
pub fn filter(value: &str) -> (String, String) {
    let (pattern, text) = value.split_once("=>").expect("PATTERN => TEXT");
    (pattern.trim().to_owned(), text.trim().to_owned())
}
