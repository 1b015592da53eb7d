//! Where the numbers come from.

use std::fs;
use std::thread;

use serde::Serialize;

use crate::shell;

/// What a reader must know of the machine and the code that were measured.
#[derive(Default, Serialize)]
pub(in crate::bench) struct Machine {
    processor: String,
    processors: usize,
    kernel: String,
    system: String,
    commit: String,
}

impl Machine {
    /// This machine; what cannot be found out is empty.
    pub(in crate::bench) fn here() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: value_in("/proc/cpuinfo", "model name", ':'),
            processors: thread::available_parallelism().map_or(0, usize::from),
            kernel: kernel.trim().to_owned(),
            system: value_in("/etc/os-release", "PRETTY_NAME", '='),
            commit: commit(),
        }
    }

    /// The same in a sentence.
    pub(in crate::bench) fn sentence(&self) -> String {
        format!(
            "{}, {} processors, {}, Linux {}, commit {}",
            self.processor, self.processors, self.system, self.kernel, self.commit
        )
    }
}

fn commit() -> String {
    let root = crate::project::root().display().to_string();
    shell::output_of("git", &["-C", &root, "describe", "--always", "--dirty"]).unwrap_or_default()
}

/// The value of the first line of `file` that starts with `key`.
fn value_in(file: &str, key: &str, separator: char) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let value = line.and_then(|line| line.split_once(separator)).map_or("", |(_, value)| value);
    value.trim().trim_matches('"').to_owned()
}
