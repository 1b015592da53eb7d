//! The ways a program is run.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::peers;

/// A way to run a program: a column of the table.
pub(super) struct Variant {
    /// The column's head.
    pub(super) name: &'static str,
    /// What stands before the program and its arguments.
    pub(super) prefix: Vec<OsString>,
    /// Whose it is.
    pub(super) side: Side,
}

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// midtrace.
    Ours,
    /// A tool that is compared with it.
    Peer,
}

/// midtrace's columns: its subcommands, reports written to files in `scratch`.
pub(super) fn ours(midtrace: &Path, scratch: &Path) -> Vec<Variant> {
    let with = |name: &'static str, args: &[&OsStr]| {
        let words = [midtrace.as_os_str(), name.as_ref(), "-q".as_ref()];
        let prefix = words.iter().chain(args).map(OsString::from).chain(["--".into()]).collect();
        Variant { name, prefix, side: Side::Ours }
    };
    let output = OsStr::new("-o");
    vec![
        with("run", &[]),
        with("cov", &[output, scratch.join("cov.drcov").as_os_str()]),
        with("count", &[output, scratch.join("count.txt").as_os_str()]),
    ]
}

/// The columns of the tools that are installed.
pub(super) fn peers() -> Vec<Variant> {
    let variant = |peer: peers::Peer| Variant { name: peer.name, prefix: peer.prefix, side: Side::Peer };
    peers::installed().into_iter().map(variant).collect()
}
