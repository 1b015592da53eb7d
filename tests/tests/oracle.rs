//! Exact counts and exact coverage, compared with single-stepping.
//!
//! Each program of `programs/` with an `oracle:` directive is stepped natively, with addresses not
//! randomized; what an executed instruction is, says [`midstride_tests::step`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use midstride_tests::compile::{self, Link};
use midstride_tests::drcov;
use midstride_tests::job::{Aslr, End, Job, Scratch};
use midstride_tests::mode::Mode;
use midstride_tests::program::{self, Program};
use midstride_tests::step::Steps;
use midstride_tests::trial::{Place, Suite, words_of};
use midstride_tests::{midtrace, needs};

/// Differences shown for one module.
const SHOWN: usize = 12;

fn main() {
    let place = Arc::new(Place::of_keeper(env!("CARGO_BIN_EXE_keeper")));
    let mut suite = Suite::default();
    for program in program::all().into_iter().filter(|program| !program.oracle.is_empty()) {
        // A dynamic loader's work depends on what else is mapped: only static programs are exact.
        for link in program.links.clone().into_iter().filter(|link| *link != Link::Dynamic) {
            let name = format!("{}/{}", program.name, link.name());
            if let Some(missing) = needs::missing_feature(&program.needs) {
                suite.leave_out(&name, format!("this machine lacks {missing}"));
                continue;
            }
            let (place, program) = (Arc::clone(&place), program.clone());
            suite.add(&name.clone(), move || check(&place, &program, link, &name));
        }
    }
    suite.conclude("oracle");
}

fn check(place: &Place, program: &Program, link: Link, name: &str) -> Result<(), Failed> {
    let executable = compile::executable(program, link, &place.target)?;
    let scratch = Scratch::new(&place.target, &format!("oracle_{name}"), &place.keeper);
    let job = Job {
        words: words_of(&executable, &program.runs[0]),
        stdin: program.stdin.clone().into_bytes(),
        limit: Duration::from_secs(120),
        aslr: Aslr::Off,
        // Registering rseq is refused under midtrace, a documented exception, and costs an instruction more or less.
        env: vec![("GLIBC_TUNABLES".to_owned(), "glibc.pthread.rseq=0".to_owned())],
        ..Job::default()
    };
    let steps = stepped(&scratch, &job)?;
    let mut found = Vec::new();
    for mode in [Mode::Count, Mode::TortureCount] {
        found.extend(compare_counts(place, &scratch, &job, &steps, mode)?);
    }
    if program.oracle.iter().any(|what| what == "cov") {
        for mode in [Mode::Cov, Mode::TortureCov] {
            found.extend(compare_coverage(place, &scratch, &job, &steps, mode)?);
        }
    }
    if found.is_empty() {
        scratch.remove();
        return Ok(());
    }
    Err(format!("{}\n{}", program.fact, found.join("\n")).into())
}

fn stepped(scratch: &Scratch, job: &Job) -> Result<Steps, Failed> {
    let report = scratch.aside().join("steps.json");
    let words: Vec<OsString> = vec![env!("CARGO_BIN_EXE_stepper").into(), report.clone().into()];
    let outcome = scratch.run(job, &words);
    if outcome.kept.end != End::Exited(0) {
        return Err(format!("the stepper ended with {:?}", outcome.kept.end).into());
    }
    Ok(serde_json::from_str(&fs::read_to_string(report)?)?)
}

/// Runs the job in `mode` and gives what it wrote.
fn traced(place: &Place, scratch: &Scratch, job: &Job, mode: Mode) -> Result<Vec<u8>, Failed> {
    let output = scratch.aside().join(mode.output().expect("a mode that writes a file"));
    let mut words: Vec<OsString> = vec![midtrace::path(&place.target)?.into()];
    let options = mode.words(&scratch.aside());
    words.extend(options.iter().take(1).cloned());
    if matches!(mode, Mode::Count | Mode::TortureCount) {
        words.push("--json".into());
    }
    words.extend(options.into_iter().skip(1));
    let outcome = scratch.run(job, &words);
    if let End::TimedOut(place) | End::NotStarted(place) = &outcome.kept.end {
        return Err(format!("mode {}: {place}", mode.name()).into());
    }
    Ok(fs::read(output)?)
}

fn compare_counts(
    place: &Place,
    scratch: &Scratch,
    job: &Job,
    steps: &Steps,
    mode: Mode,
) -> Result<Option<String>, Failed> {
    let report: serde_json::Value = serde_json::from_slice(&traced(place, scratch, job, mode)?)?;
    let counted = report["total"]["instructions"].as_u64().ok_or("the report has no total.instructions")?;
    if counted == steps.instructions {
        return Ok(None);
    }
    let off = counted as i64 - steps.instructions as i64;
    let mut lines =
        vec![format!("mode {}: counted {counted}, stepped {} ({off:+})", mode.name(), steps.instructions)];
    for block in report["top_blocks"].as_array().into_iter().flatten() {
        lines.extend(wrong_block(block, steps));
    }
    Ok(Some(lines.join("\n")))
}

/// A block that was entered more often than its first instruction was executed.
fn wrong_block(block: &serde_json::Value, steps: &Steps) -> Option<String> {
    let module = steps.modules.get(block["module"].as_str()?)?;
    let (offset, entered) = (block["offset"].as_u64()?, block["entered"].as_u64()?);
    let executed = module.get(&offset).copied().unwrap_or(0);
    let text = format!(
        "  block +{offset:#x} entered {entered} times, its first instruction executed {executed} times"
    );
    (entered > executed).then_some(text)
}

fn compare_coverage(
    place: &Place,
    scratch: &Scratch,
    job: &Job,
    steps: &Steps,
    mode: Mode,
) -> Result<Option<String>, Failed> {
    let blocks = drcov::parse(&traced(place, scratch, job, mode)?)?;
    let mut lines = Vec::new();
    for path in blocks.keys().chain(steps.modules.keys()).collect::<BTreeSet<_>>() {
        if !path.starts_with('/') {
            continue;
        }
        let covered = match blocks.get(path) {
            Some(blocks) => drcov::instructions(Path::new(path), blocks)?,
            None => BTreeSet::new(),
        };
        let stepped = steps.modules.get(path).map(offsets).unwrap_or_default();
        lines.extend(set_difference("covered but not executed", path, covered.difference(&stepped)));
        lines.extend(set_difference("executed but not covered", path, stepped.difference(&covered)));
    }
    if lines.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("mode {}:\n{}", mode.name(), lines.join("\n"))))
}

fn offsets(module: &BTreeMap<u64, u64>) -> BTreeSet<u64> {
    module.keys().copied().collect()
}

fn set_difference<'a>(what: &str, path: &str, offsets: impl Iterator<Item = &'a u64>) -> Option<String> {
    let offsets: Vec<String> = offsets.map(|offset| format!("+{offset:#x}")).collect();
    if offsets.is_empty() {
        return None;
    }
    let shown: Vec<&str> = offsets.iter().take(SHOWN).map(String::as_str).collect();
    Some(format!("  {what}: {} in {path}: {}", offsets.len(), shown.join(" ")))
}
