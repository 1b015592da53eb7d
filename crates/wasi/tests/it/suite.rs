//! The official tests of the interface (WebAssembly/wasi-testsuite, branch `prod/testsuite-base`).
//!
//! They come in no registry: `MIDSTRIDE_WASI_TESTSUITE` names the directory `tests` of a checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use midstride_wasi::{Builder, DirAccess, MemoryPipe, Stream, Wasi};
use serde::Deserialize;

use crate::guest::{Between, Host, run};

/// What a test wants: the older of the two forms its descriptions have.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    root: Option<String>,
    exit_code: u32,
    stdout: Option<String>,
}

#[test]
fn the_official_tests_pass() {
    all(Between::Nothing);
}

#[test]
fn the_official_tests_pass_when_every_call_is_after_a_thaw() {
    all(Between::FreezeAndThaw);
}

fn all(between: Between) {
    let Some(tests) = std::env::var_os("MIDSTRIDE_WASI_TESTSUITE") else {
        eprintln!("NOT RUN: MIDSTRIDE_WASI_TESTSUITE names no checkout of WebAssembly/wasi-testsuite");
        return;
    };
    let mut failed = Vec::new();
    let mut count = 0;
    for language in ["assemblyscript", "c", "rust"] {
        let folder = Path::new(&tests).join(language).join("testsuite/wasm32-wasip1");
        for wasm in programs(&folder) {
            let result = std::panic::catch_unwind(|| test(&wasm, between));
            count += 1;
            if let Some(reason) = result.unwrap_or_else(|_| Some("it panicked".to_owned())) {
                failed.push(format!("{}: {reason}", wasm.display()));
            }
        }
    }
    assert!(count > 0, "there are no tests");
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}

fn programs(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut programs: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).collect();
    programs.sort();
    programs
}

/// Why a test fails, if it does.
fn test(wasm: &Path, between: Between) -> Option<String> {
    let spec = std::fs::read(wasm.with_extension("json")).unwrap_or_else(|_| b"{}".to_vec());
    let spec: Spec = serde_json::from_slice(&spec).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    if let Some(root) = &spec.root {
        copy(&wasm.with_file_name(root), scratch.path());
    }
    let streams = [MemoryPipe::new(), MemoryPipe::new()];
    let wasi = host(wasm, &spec, scratch.path(), &streams);
    let (status, host) = run(&std::fs::read(wasm).unwrap(), Host::new(wasi, between));
    if status != spec.exit_code {
        let said = String::from_utf8_lossy(&streams[1].contents()).into_owned();
        return Some(format!("status {status}, not {}: {said}", spec.exit_code));
    }
    // After a thaw the guest's pipes are others.
    let wanted = spec.stdout.filter(|_| host.between == Between::Nothing)?;
    let found = streams[0].contents();
    (found != wanted.as_bytes()).then(|| format!("output {:?}", String::from_utf8_lossy(&found)))
}

fn host(wasm: &Path, spec: &Spec, root: &Path, [out, error]: &[MemoryPipe; 2]) -> Wasi {
    let name = wasm.file_name().unwrap().to_str().unwrap();
    let mut builder = Builder::new()
        .args([name])
        .args(spec.args.clone())
        .stdout(Stream::Memory(out.clone()))
        .stderr(Stream::Memory(error.clone()));
    for (name, value) in &spec.env {
        builder = builder.env(name, value);
    }
    if spec.root.is_some() {
        builder = builder.preopened_dir(root, "/", DirAccess::ReadWrite).unwrap();
    }
    builder.build().unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (source, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if source.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}
