//! Running midtrace with the stand-in runtime, and comparing with native runs.
#![allow(dead_code, reason = "each test file uses its part")]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The stand-in for the runtime, built once.
pub(crate) fn null_runtime() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = scratch().join("null-runtime");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/null-runtime/Cargo.toml");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--target", "x86_64-unknown-none", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "the stand-in runtime does not build");
        target.join("x86_64-unknown-none/release/null-runtime")
    })
}

/// A directory for what tests make.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// An empty directory of its own for the test `name`.
pub(crate) fn fresh_directory(name: &str) -> PathBuf {
    let path = scratch().join(name);
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).expect("a directory for the test");
    path
}

/// midtrace with the stand-in runtime and `words`.
pub(crate) fn midtrace(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midtrace"));
    command.args(words).env("MIDTRACE_IMAGE", null_runtime()).stdin(Stdio::null()).current_dir(scratch());
    command
}

/// `words` run natively.
pub(crate) fn native(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).current_dir(scratch());
    command
}

/// What a command did, comparable.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Done {
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code(),
            signal: output.status.signal(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn done(mut command: Command) -> Done {
    command.output().expect("the command starts").into()
}

/// `words` behave under `midtrace run` as natively, injected and without a word from midtrace.
pub(crate) fn assert_same(words: &[&str]) {
    let traced = [&["run", "-q", "-v", "--"], words].concat();
    assert_eq!(done(midtrace(&traced)), done(native(words)), "{words:?}");
}

/// Compiles a C program of this test directory.
pub(crate) fn compile(source: &str, name: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source);
    let program = scratch().join(name);
    let status = Command::new("cc")
        .args(["-O1", "-o"])
        .arg(&program)
        .arg(source)
        .args(flags)
        .args(["-pthread"])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{name} does not compile");
    program
}
