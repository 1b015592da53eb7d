//! Programs of several languages under `midwasm` against the same programs built natively.
//!
//! What they print, how they end and what they leave in their directory has to be the same. They are built by
//! `programs/build.sh` when the compilers are there; otherwise the tests say `NOT RUN`.

mod chains;
mod ruby;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// One run of a program.
struct Job<'a> {
    program: &'a str,
    args: &'a [&'a str],
    input: &'a str,
    env: &'a [(&'a str, &'a str)],
    /// Files in its directory before.
    files: &'a [(&'a str, &'a str)],
}

const JOB: Job<'_> = Job { program: "", args: &[], input: "", env: &[], files: &[] };

/// What can be seen of a run.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    status: Option<i32>,
    output: String,
    /// By path; of links, what they say.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Builds a program, once; where both forms are, or nothing when there are no compilers here.
fn built(program: &str) -> Option<PathBuf> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    let time = |path: PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    let newest = fs::read_dir(&sources).ok()?.filter_map(|entry| time(entry.ok()?.path())).max();
    if time(out.join(format!("{program}.wasm"))) < newest {
        let run = Command::new(sources.join("build.sh")).arg(&out).arg(program).output().unwrap();
        if !run.status.success() {
            eprintln!("NOT RUN: cannot build {program}: {}", String::from_utf8_lossy(&run.stderr));
            return None;
        }
    }
    Some(out)
}

/// Runs a command for a job, in a directory of its own.
fn seen(job: &Job<'_>, command: &mut Command) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    for (name, contents) in job.files {
        fs::write(dir.path().join(name), contents).unwrap();
    }
    command.current_dir(dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that does not read it may have ended already.
        scope.spawn(move || drop(input.write_all(job.input.as_bytes())));
        child.wait_with_output().unwrap()
    });
    left(dir.path(), output.status.code(), &output.stdout)
}

/// What a program has said, how it ended, and what it has left in its directory.
fn left(dir: &Path, status: Option<i32>, output: &[u8]) -> Seen {
    let mut files = BTreeMap::new();
    collect(dir, Path::new(""), &mut files);
    Seen { status, output: String::from_utf8_lossy(output).into_owned(), files }
}

fn collect(root: &Path, below: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (below.join(entry.file_name()), entry.file_type().unwrap());
        if kind.is_dir() {
            collect(root, &path, files);
            files.insert(path, b"a directory".to_vec());
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            files.insert(path, target.into_os_string().into_encoded_bytes());
        } else {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}

/// The program itself.
fn native(job: &Job<'_>, out: &Path) -> Seen {
    let mut command = Command::new(out.join(job.program));
    command.args(job.args).env_clear().envs(job.env.iter().copied());
    seen(job, &mut command)
}

/// The program in midwasm, which freezes it into `image` when it is asked to.
fn wasm(job: &Job<'_>, out: &Path, image: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midwasm"));
    command.args(["run", "--dir", ".", "--freeze-to"]).arg(image);
    for (name, value) in job.env {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    command.arg(out.join(format!("{}.wasm", job.program))).args(job.args);
    command
}

/// Runs a job both ways; what was seen, when it was the same.
#[track_caller]
fn same(job: &Job<'_>) -> Option<Seen> {
    let out = built(job.program)?;
    let native = native(job, &out);
    assert_eq!(seen(job, &mut wasm(job, &out, Path::new("image"))), native, "{}", job.program);
    Some(native)
}

/// Whether tests that take long are wanted.
fn slow() -> bool {
    let wanted = std::env::var_os("MIDSTRIDE_SLOW").is_some();
    if !wanted {
        eprintln!("NOT RUN: it takes long; MIDSTRIDE_SLOW=1 runs it");
    }
    wanted
}

#[test]
fn cat_copies_files_and_its_input() {
    let long = "some line of text\n".repeat(20_000);
    let seen = same(&Job { program: "cat", input: &long, ..JOB });
    assert!(seen.is_none_or(|seen| seen.output == long));
    let files = [("a", "first"), ("b", &*long)];
    let seen = same(&Job { program: "cat", args: &["a", "missing", "b"], files: &files, ..JOB });
    assert!(seen.is_none_or(|seen| seen.status == Some(1)));
}

#[test]
fn sort_writes_its_output_and_a_file() {
    let lines: String = (0..5000_u32).map(|n| format!("{:x}\n", n.wrapping_mul(2_654_435_761))).collect();
    let seen = same(&Job { program: "sort", args: &["sorted"], input: &lines, ..JOB });
    assert!(seen.is_none_or(|seen| seen.files[Path::new("sorted")] == seen.output.as_bytes()));
}

#[test]
fn directories_are_listed() {
    let files = [("a", "1"), ("b", "22"), (".hidden", "")];
    same(&Job { program: "list", args: &[".", "missing"], files: &files, ..JOB });
}

#[test]
fn files_do_what_they_do_natively() {
    same(&Job { program: "files", ..JOB });
}

#[test]
fn arguments_variables_and_the_status_arrive() {
    let env = [("EMPTY", ""), ("ONE", "1"), ("TEXT", "a=b c")];
    let seen = same(&Job { program: "process", args: &["42", "", "two words", "-x"], env: &env, ..JOB });
    assert!(seen.is_none_or(|seen| seen.status == Some(42)));
}

#[test]
fn a_rust_program_counts_words() {
    let text = "the quick brown fox jumps over the lazy dog ".repeat(500);
    same(&Job { program: "text", args: &["in"], input: "more words", files: &[("in", &text)], ..JOB });
}

#[test]
fn lua_runs_a_script() {
    if slow() {
        let script = include_str!("../programs/work.lua");
        same(&Job { program: "lua", args: &["work.lua", "22"], files: &[("work.lua", script)], ..JOB });
    }
}

#[test]
fn sqlite_keeps_a_database() {
    if slow() {
        same(&Job { program: "sqlite", args: &["db", "3000"], ..JOB });
    }
}
