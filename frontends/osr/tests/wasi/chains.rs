//! Programs frozen at random moments, each time by another process than the one before.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{JOB, Job, Seen, built, left, native, slow, wasm};

/// What a process of a chain has come to.
enum Link {
    Frozen,
    /// It was not ready to be frozen: Ctrl-\ ended it before the program went on.
    Lost,
    Ended(Option<i32>),
}

/// A program's run by many processes.
struct Chain<'a> {
    directory: &'a Path,
    /// Its input: how far it was read goes from process to process, as in a shell.
    input: File,
    output: Vec<u8>,
    moment: u64,
    /// No process runs longer. It grows: when a process was not ready, so that the next is, and when it was, so
    /// that chains of long programs end.
    longest: Duration,
    frozen: u32,
}

impl Chain<'_> {
    /// Lets a process run for a moment and freezes it.
    fn link(&mut self, command: &mut Command) -> Link {
        let input = self.input.try_clone().unwrap();
        command.current_dir(self.directory).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let quit = ["-QUIT".to_owned(), child.id().to_string()];
        std::thread::sleep(self.moment());
        // It may have ended, but is not waited for yet: its number is its own.
        assert!(Command::new("kill").args(quit).status().unwrap().success());
        let run = child.wait_with_output().unwrap();
        self.output.extend(run.stdout);
        let stderr = String::from_utf8_lossy(&run.stderr).into_owned();
        match run.status.code() {
            None => Link::Lost,
            Some(0) if stderr.contains("midwasm: frozen to ") => Link::Frozen,
            code => Link::Ended(code),
        }
    }

    fn moment(&mut self) -> Duration {
        self.moment =
            self.moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.longest.mul_f64((self.moment >> 40) as f64 / (1 << 24) as f64)
    }

    /// From the first process to the last.
    fn run(&mut self, job: &Job<'_>, out: &Path) -> Option<i32> {
        let images = tempfile::tempdir().unwrap();
        let (image, next) = (images.path().join("image"), images.path().join("next"));
        loop {
            let mut command = if image.exists() { thaw(&image, &next) } else { wasm(job, out, &next) };
            match self.link(&mut command) {
                Link::Ended(status) => return status,
                Link::Lost => {
                    self.longest = self.longest.mul_f64(1.3);
                    // Where the system keeps what is left of processes, it is none of the program's.
                    let _ = fs::remove_file(self.directory.join("core"));
                }
                Link::Frozen => {
                    fs::rename(&next, &image).unwrap();
                    self.longest = self.longest.mul_f64(1.1);
                    self.frozen += 1;
                }
            }
        }
    }
}

fn thaw(image: &Path, next: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midwasm"));
    command.arg("thaw").arg("--freeze-to").arg(next).arg(image);
    command
}

/// How often a program is to be frozen, in how many chains at least and at most: a fast machine may get
/// through one of them with hardly a stop.
const FREEZES: u32 = 6;
const CHAINS: std::ops::RangeInclusive<u64> = 3..=40;

/// Runs a job in chains until it has been frozen often enough.
fn chains(job: &Job<'_>) {
    let Some(out) = built(job.program) else { return };
    let expected = native(job, &out);
    let (mut frozen, mut seed) = (0, 0);
    while seed < *CHAINS.start() || (frozen < FREEZES && seed < *CHAINS.end()) {
        seed += 1;
        let (seen, times) = chain(job, &out, seed);
        assert_eq!(seen, expected, "{}, chain {seed}, frozen {times} times", job.program);
        frozen += times;
    }
    println!("{}: {frozen} freezes in {seed} chains", job.program);
    assert!(frozen >= FREEZES, "{}: {frozen} freezes in {seed} chains", job.program);
}

fn chain(job: &Job<'_>, out: &Path, seed: u64) -> (Seen, u32) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path();
    for (name, contents) in job.files {
        fs::write(directory.join(name), contents).unwrap();
    }
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(job.input.as_bytes()).unwrap();
    input.rewind().unwrap();
    let longest = Duration::from_millis(40);
    let mut chain = Chain { directory, input, output: Vec::new(), moment: seed, longest, frozen: 0 };
    let status = chain.run(job, out);
    (left(directory, status, &chain.output), chain.frozen)
}

#[test]
fn a_rust_program_is_frozen_in_the_middle_again_and_again() {
    let text: String =
        (0..40_000u32).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761) >> 14)).collect();
    let files = [("in", &*text)];
    let job = Job { program: "text", args: &["in"], input: "more words", files: &files, ..JOB };
    chains(&job);
}

#[test]
fn lua_is_frozen_in_the_middle_again_and_again() {
    let files = [("work.lua", include_str!("../programs/work.lua"))];
    let job = Job { program: "lua", args: &["work.lua", "32"], files: &files, ..JOB };
    chains(&job);
}

#[test]
fn sqlite_is_frozen_in_the_middle_again_and_again() {
    if slow() {
        chains(&Job { program: "sqlite", args: &["db", "100000"], ..JOB });
    }
}
