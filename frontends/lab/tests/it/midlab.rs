//! Running midlab.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// midlab without what it finds in the environment.
pub(crate) fn midlab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midlab"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// What became of a run.
pub(crate) struct Done {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            out: text(output.stdout),
            err: text(output.stderr),
            status: output.status.code().unwrap_or(-1),
        }
    }
}

/// midlab with arguments.
pub(crate) fn run(args: &[&str]) -> Done {
    midlab().args(args).stdin(Stdio::null()).output().unwrap().into()
}

/// midlab with a script on its standard input.
pub(crate) fn script(args: &[&str], script: &str) -> Done {
    let piped = || Stdio::piped();
    let mut child = midlab().args(args).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}
