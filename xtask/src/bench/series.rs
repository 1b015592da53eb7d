//! The rounds of one workload: native and every variant in turn, so that what disturbs the machine disturbs all.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::measure::{Behaviour, End, Sample};
use super::stats::Spread;

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
    /// CPU milliseconds of each run, one a round it took part in; fewer when it failed.
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

/// A way to run a workload.
pub(super) struct Way<'a> {
    /// Its column's head.
    pub(super) name: &'static str,
    /// It takes part in so many rounds, the first.
    pub(super) rounds: u32,
    /// Runs it once.
    pub(super) run: Box<dyn Fn() -> Result<Sample> + 'a>,
}

/// Measures `rounds` rounds behind one that is not counted (it warms caches and says what the output is).
pub(super) fn measure(native: &Way<'_>, variants: &[Way<'_>], rounds: u32) -> Result<Series> {
    let expected = (native.run)()?.behaviour;
    ensure!(expected.end == End::Exit(0), "natively, it ends by {:?}", expected.end);
    let mut series = Series { native_ms: Vec::new(), variants: variants.iter().map(Column::empty).collect() };
    for round in 0..rounds {
        let sample = (native.run)()?;
        ensure!(
            sample.behaviour == expected,
            "two native runs differ: {expected:?} and {:?}",
            sample.behaviour
        );
        series.native_ms.push(milliseconds(sample.cpu));
        for (variant, column) in variants.iter().zip(&mut series.variants) {
            if round < variant.rounds && !matches!(column.outcome, Outcome::DifferentEnd(_)) {
                column.add(&(variant.run)()?, &expected);
            }
        }
    }
    Ok(series)
}

impl Column {
    fn empty(variant: &Way<'_>) -> Self {
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

    /// How the variant called `name` behaved.
    pub(super) fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.variants.iter().find(|column| column.variant == name).map(|column| &column.outcome)
    }

    /// Whether every variant behaved as natively.
    pub(super) fn is_equal(&self) -> bool {
        self.variants.iter().all(|column| column.outcome == Outcome::Equal)
    }
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
