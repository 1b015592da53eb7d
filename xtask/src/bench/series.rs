//! The rounds of one workload: native and every variant in turn, so that what disturbs the machine disturbs all.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::measure::{Behaviour, End, Meter, Sample};
use super::stats::Spread;
use super::variants::Variant;

/// What was measured of one workload.
#[derive(Serialize)]
pub(super) struct Series {
    /// CPU milliseconds of each native run, one a round.
    pub(super) native_ms: Vec<f64>,
    /// The same for each variant.
    pub(super) variants: Vec<Column>,
}

/// What was measured of one variant.
#[derive(Serialize)]
pub(super) struct Column {
    /// The variant's name.
    pub(super) variant: &'static str,
    /// CPU milliseconds of each run, one a round; fewer when it failed.
    pub(super) cpu_ms: Vec<f64>,
    /// Wall milliseconds of each run.
    pub(super) wall_ms: Vec<f64>,
    /// Whether it behaved as natively.
    pub(super) outcome: Outcome,
}

/// Whether a program behaved as natively.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) enum Outcome {
    /// It did.
    Equal,
    /// It ended alike but wrote something else.
    DifferentOutput,
    /// It ended otherwise, and was not run again.
    DifferentEnd(String),
}

/// One workload's command line and how often a sample starts it.
pub(super) struct Job<'a> {
    /// Program and arguments.
    pub(super) argv: &'a [OsString],
    /// Starts in each sample.
    pub(super) starts: u32,
    /// Working directory.
    pub(super) folder: &'a Path,
}

impl Job<'_> {
    /// Runs the program behind `prefix` as often as a sample asks for; what is said of its behaviour is the last
    /// start's, unless an earlier one ended otherwise.
    fn sample(&self, meter: &Meter<'_>, prefix: &[OsString]) -> Result<Sample> {
        let mut sum = self.start(meter, prefix)?;
        for _ in 1..self.starts {
            let next = self.start(meter, prefix)?;
            sum.cpu += next.cpu;
            sum.wall += next.wall;
            if next.behaviour != sum.behaviour {
                return Ok(Sample { behaviour: next.behaviour, ..sum });
            }
        }
        Ok(Sample { cpu: sum.cpu / self.starts, wall: sum.wall / self.starts, ..sum })
    }

    fn start(&self, meter: &Meter<'_>, prefix: &[OsString]) -> Result<Sample> {
        let mut words = prefix.iter().chain(self.argv);
        let mut command = Command::new(words.next().expect("a job has a program"));
        command.args(words).current_dir(self.folder);
        command.env("LC_ALL", "C").env("TZ", "UTC").env("PYTHONHASHSEED", "0");
        meter.run(&mut command)
    }
}

/// Measures `rounds` rounds behind one that is not counted (it warms caches and says what the output is).
pub(super) fn measure(meter: &Meter<'_>, job: &Job<'_>, variants: &[Variant], rounds: u32) -> Result<Series> {
    let expected = job.sample(meter, &[])?.behaviour;
    ensure!(expected.end == End::Exit(0), "natively, it ends by {:?}", expected.end);
    let mut series = Series { native_ms: Vec::new(), variants: variants.iter().map(Column::empty).collect() };
    for _ in 0..rounds {
        let native = job.sample(meter, &[])?;
        ensure!(
            native.behaviour == expected,
            "two native runs differ: {expected:?} and {:?}",
            native.behaviour
        );
        series.native_ms.push(milliseconds(native.cpu));
        for (variant, column) in variants.iter().zip(&mut series.variants) {
            if !matches!(column.outcome, Outcome::DifferentEnd(_)) {
                column.add(&job.sample(meter, &variant.prefix)?, &expected);
            }
        }
    }
    Ok(series)
}

impl Column {
    fn empty(variant: &Variant) -> Self {
        Self { variant: variant.name, cpu_ms: Vec::new(), wall_ms: Vec::new(), outcome: Outcome::Equal }
    }

    fn add(&mut self, sample: &Sample, expected: &Behaviour) {
        let behaviour = &sample.behaviour;
        if behaviour.end != expected.end {
            self.outcome = Outcome::DifferentEnd(format!("{:?}", behaviour.end));
            return;
        }
        if behaviour.written != expected.written {
            self.outcome = Outcome::DifferentOutput;
        }
        self.cpu_ms.push(milliseconds(sample.cpu));
        self.wall_ms.push(milliseconds(sample.wall));
    }

    /// Round by round, this column over `other`'s milliseconds.
    pub(super) fn over(&self, other: &[f64]) -> Option<Spread> {
        Spread::of(self.cpu_ms.iter().zip(other).map(|(ours, theirs)| ours / theirs))
    }

    /// Round by round, milliseconds more than `other`'s.
    pub(super) fn more_than(&self, other: &[f64]) -> Option<Spread> {
        Spread::of(self.cpu_ms.iter().zip(other).map(|(ours, theirs)| ours - theirs))
    }
}

impl Series {
    /// The column of the variant called `name`, when it ran at all.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.variants.iter().find(|column| column.variant == name && !column.cpu_ms.is_empty())
    }
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
