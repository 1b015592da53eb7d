//! The ways a program is run.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;

use super::measure::{Meter, Sample};
use super::series::Way;
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

/// How often each workload is measured.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Rounds {
    /// Natively and by midtrace.
    #[serde(rename = "rounds")]
    pub(super) ours: u32,
    /// By other tools, in the first of these: they are many times slower.
    #[serde(rename = "peer_rounds")]
    pub(super) peers: u32,
}

impl Rounds {
    /// Those that `side` takes part in.
    pub(super) fn of(self, side: Side) -> u32 {
        match side {
            Side::Ours => self.ours,
            Side::Peer => self.peers,
        }
    }
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

/// One workload's command line and how often a sample starts it.
pub(super) struct Job<'a> {
    /// Program and arguments.
    pub(super) argv: &'a [OsString],
    /// Starts in each sample.
    pub(super) starts: u32,
    /// Working directory.
    pub(super) folder: &'a Path,
    /// What measures it.
    pub(super) meter: &'a Meter<'a>,
}

impl Job<'_> {
    /// The program as it is.
    pub(super) fn native(&self) -> Way<'_> {
        Way { name: "native", rounds: u32::MAX, run: Box::new(|| self.sample(&[])) }
    }

    /// The program behind a variant's words, as a way to run it in the variant's rounds.
    pub(super) fn way<'a>(&'a self, variant: &'a Variant, rounds: Rounds) -> Way<'a> {
        let run = Box::new(|| self.sample(&variant.prefix));
        Way { name: variant.name, rounds: rounds.of(variant.side), run }
    }

    /// Runs the program as often as a sample asks for; what is said of its behaviour is the last start's, unless an
    /// earlier one ended otherwise.
    fn sample(&self, prefix: &[OsString]) -> Result<Sample> {
        let mut sum = self.start(prefix)?;
        for _ in 1..self.starts {
            let next = self.start(prefix)?;
            sum.cpu += next.cpu;
            sum.wall += next.wall;
            if next.behaviour != sum.behaviour {
                return Ok(Sample { behaviour: next.behaviour, ..sum });
            }
        }
        Ok(Sample { cpu: sum.cpu / self.starts, wall: sum.wall / self.starts, ..sum })
    }

    fn start(&self, prefix: &[OsString]) -> Result<Sample> {
        let mut words = prefix.iter().chain(self.argv);
        let mut command = Command::new(words.next().expect("a job has a program"));
        command.args(words).current_dir(self.folder);
        command.env("LC_ALL", "C").env("TZ", "UTC").env("PYTHONHASHSEED", "0");
        self.meter.run(&mut command)
    }
}
