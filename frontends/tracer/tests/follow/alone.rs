//! Tests that need a process of their own.

use std::process::{Command, Output};

const ALONE: &str = "MIDSTRIDE_FOLLOW_ALONE";

/// Runs `body` as the only test of a process: `None` in that process, what came of it in the one that asked.
pub(crate) fn output(test: &str, body: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(ALONE).is_some() {
        body();
        return None;
    }
    let program = std::env::current_exe().expect("the test's own path");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    let output = command.output().expect("the test starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("running 1 test"), "{test} is not the name of the test: {printed}");
    Some(output)
}

/// Likewise, and it must succeed.
pub(crate) fn run(test: &str, body: impl FnOnce()) {
    if let Some(output) = output(test, body) {
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    }
}
