//! Other tools that run unmodified programs, for the speed table.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::shell;

/// Names DynamoRIO's launcher, which distributions do not package.
const DRRUN: &str = "MIDSTRIDE_DRRUN";

/// A tool that is installed, and how it is called.
pub(crate) struct Peer {
    /// Its column in the table.
    pub(crate) name: &'static str,
    /// What is put in front of the program and its arguments.
    pub(crate) prefix: Vec<OsString>,
}

/// A tool that may be installed.
struct Candidate {
    name: &'static str,
    find: fn() -> Option<PathBuf>,
    args: &'static [&'static str],
    advice: &'static str,
}

const CANDIDATES: [Candidate; 3] = [
    Candidate {
        name: "dynamorio",
        find: || env::var_os(DRRUN).map(PathBuf::from).filter(|file| file.is_file()),
        args: &["--"],
        advice: "set MIDSTRIDE_DRRUN to the path of its drrun",
    },
    Candidate {
        name: "qemu-user",
        find: || shell::find(&["qemu-x86_64", "qemu-x86_64-static"]),
        args: &[],
        advice: "Debian: qemu-user",
    },
    Candidate {
        name: "valgrind-none",
        find: || shell::find(&["valgrind"]),
        args: &["--tool=none", "-q", "--trace-children=yes"],
        advice: "Debian: valgrind",
    },
];

/// The peers that are installed.
pub(crate) fn installed() -> Vec<Peer> {
    let peer = |candidate: &Candidate| {
        let program = (candidate.find)()?;
        let args = candidate.args.iter().map(OsString::from);
        let prefix = std::iter::once(program.into_os_string()).chain(args).collect();
        Some(Peer { name: candidate.name, prefix })
    };
    CANDIDATES.iter().filter_map(peer).collect()
}

/// Prints what is there and how to get what is not.
pub(crate) fn run() {
    for candidate in &CANDIDATES {
        match (candidate.find)() {
            Some(program) => println!("{:14} {}", candidate.name, program.display()),
            None => println!("{:14} not installed ({})", candidate.name, candidate.advice),
        }
    }
}
