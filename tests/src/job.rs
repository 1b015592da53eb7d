//! A command, the clean place it runs in, and what was seen of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::snapshot::{self, FileState};

/// Whether addresses are randomized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aslr {
    /// As the system has it.
    #[default]
    AsFound,
    /// Off (personality ADDR_NO_RANDOMIZE).
    Off,
}

/// A command to run.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// Program and arguments.
    pub words: Vec<OsString>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Added to the clean environment.
    pub env: Vec<(String, String)>,
    /// Copied into the working directory before each run: names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// How long it may take.
    pub limit: Duration,
    /// Whether addresses are randomized.
    pub aslr: Aslr,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With that status.
    Exited(i32),
    /// By that signal.
    Signaled(i32),
    /// It was killed because its time was up; the text says where it was.
    TimedOut(String),
    /// It could not be started.
    NotStarted(String),
}

/// What the keeper writes down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// How the command ended.
    pub end: End,
    /// Processes that were still there two seconds after that, by command line.
    pub left_over: Vec<String>,
    /// Processor time of the command and all it waited for, in microseconds.
    pub cpu_us: u64,
    /// Real time, in microseconds.
    pub wall_us: u64,
}

/// What was seen of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the keeper wrote down.
    pub kept: Kept,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Files below the working directory.
    pub files: BTreeMap<PathBuf, FileState>,
}

/// Where a test's commands run: `work` is theirs and made anew for each, `aside` is ours.
#[derive(Clone, Debug)]
pub struct Scratch {
    root: PathBuf,
    keeper: PathBuf,
}

impl Scratch {
    /// A scratch directory of that name below `target`; `keeper` is the path of the keeper.
    #[must_use]
    pub fn new(target: &Path, name: &str, keeper: &Path) -> Scratch {
        let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        Scratch { root: target.join("midstride-scratch").join(safe), keeper: keeper.to_owned() }
    }

    /// The directory for what midtrace writes.
    #[must_use]
    pub fn aside(&self) -> PathBuf {
        self.root.join("aside")
    }

    /// The command's working directory.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Removes everything.
    pub fn remove(&self) {
        // A left-over directory is overwritten by the next run.
        let _ = fs::remove_dir_all(&self.root);
    }

    /// Runs `before` followed by the job's words in a clean working directory.
    ///
    /// # Panics
    /// When the scratch directory cannot be written or the keeper fails: the test could say nothing.
    #[must_use]
    pub fn run(&self, job: &Job, before: &[OsString]) -> Outcome {
        self.prepare(job);
        let report = self.aside().join("kept.json");
        let mut command = Command::new(&self.keeper);
        command.arg(&report).arg(job.limit.as_secs().to_string());
        command.arg(if job.aslr == Aslr::Off { "aslr-off" } else { "aslr-as-found" });
        for name in ["stdin", "stdout", "stderr"] {
            command.arg(self.aside().join(name));
        }
        command.args(before).args(&job.words).current_dir(self.work());
        self.environment(&mut command, job);
        let status = command.status().expect("the keeper starts");
        assert!(status.success(), "the keeper failed: {status}");
        self.collect(&report)
    }

    fn prepare(&self, job: &Job) {
        let _ = fs::remove_dir_all(self.work());
        for directory in [self.work(), self.aside(), self.root.join("home")] {
            fs::create_dir_all(directory).expect("the target directory is writable");
        }
        fs::write(self.aside().join("stdin"), &job.stdin).expect("a writable file");
        for (name, content) in &job.files {
            let path = self.work().join(name);
            fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a writable directory");
            fs::write(&path, content).expect("a writable file");
            make_executable_if_script(&path, content);
        }
    }

    fn environment(&self, command: &mut Command, job: &Job) {
        command.env_clear();
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let home = self.root.join("home");
        command.env("HOME", home).env("LC_ALL", "C").env("TERM", "dumb").env("TZ", "UTC");
        command.envs(job.env.iter().map(|(name, value)| (name, value)));
    }

    fn collect(&self, report: &Path) -> Outcome {
        let text = fs::read_to_string(report).expect("the keeper wrote its report");
        let read = |name: &str| fs::read(self.aside().join(name)).expect("a file that the keeper made");
        Outcome {
            kept: serde_json::from_str(&text).expect("the keeper writes valid JSON"),
            stdout: read("stdout"),
            stderr: read("stderr"),
            files: snapshot::take(&self.work()),
        }
    }
}

fn make_executable_if_script(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    if content.starts_with(b"#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file");
    }
}
