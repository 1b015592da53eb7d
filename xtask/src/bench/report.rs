//! The table: Markdown for readers, JSON for programs.

mod machine;
mod table;

use anyhow::{Context, Result};
use serde::Serialize;

use super::chart::Bars;
use super::series::{Column, Outcome, Series};
use super::variants::{Rounds, Side, Variant};
use super::workloads::{Goal, Workload};
pub(super) use machine::Machine;

/// What midtrace's subcommands are to cost over `run`.
const OVER_RUN: [(&str, f64); 2] = [("cov", 1.03), ("count", 1.6)];

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    machine: Machine,
    #[serde(flatten)]
    rounds: Rounds,
    variants: Vec<Head>,
    rows: Vec<Row>,
    /// Workloads that are not installed here.
    not_measured: Vec<&'static str>,
}

/// The head of a variant's column.
#[derive(Serialize)]
pub(super) struct Head {
    /// Its name.
    pub(super) name: &'static str,
    #[serde(skip)]
    side: Side,
}

/// One workload's measurements.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "name_of")]
    pub(super) workload: &'static Workload,
    #[serde(flatten)]
    pub(super) series: Series,
}

fn name_of<S: serde::Serializer>(workload: &&'static Workload, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(workload.name)
}

impl Report {
    /// A report without rows.
    pub(super) fn new(machine: Machine, rounds: Rounds, variants: &[Variant]) -> Self {
        let variants =
            variants.iter().map(|variant| Head { name: variant.name, side: variant.side }).collect();
        Self { machine, rounds, variants, rows: Vec::new(), not_measured: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Notes that a workload could not be measured.
    pub(super) fn skip(&mut self, name: &'static str) {
        self.not_measured.push(name);
    }

    /// The rows that are ratios to native, as a picture.
    pub(super) fn bars(&self) -> Bars<'_> {
        let heads: Vec<&str> = self.variants.iter().map(|head| head.name).collect();
        let ratios = |row: &Row| heads.iter().map(|head| row.ratio(head)).collect();
        let rows = self.rows.iter().filter(|row| !row.is_extra());
        let groups = rows.map(|row| (row.workload.name, ratios(row))).collect();
        Bars { title: "CPU time over native, medians", one: "native", heads, groups }
    }

    /// The numbers, for programs.
    pub(super) fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("a report is always JSON")
    }
}

impl Row {
    /// Whether the row says how much time a start takes more, instead of how many times as much.
    fn is_extra(&self) -> bool {
        matches!(self.workload.goal, Goal::ExtraMilliseconds(_))
    }

    /// A column's median ratio to native, when it ran.
    pub(super) fn ratio(&self, variant: &str) -> Option<f64> {
        let column = self.series.column(variant)?;
        if matches!(column.outcome, Outcome::DifferentEnd(_)) {
            return None;
        }
        Some(column.over(&self.series.native_ms)?.median)
    }

    /// One line for the terminal.
    pub(super) fn summary(&self) -> String {
        let cells =
            self.series.variants.iter().map(|column| format!("{} {}", column.variant, self.cell(column)));
        format!("{}: native {}; {}", self.workload.name, self.native(), cells.collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::workloads::WORKLOADS;

    /// One workload that takes 0.1 s natively, 1.2 times that under `run` and 1.26 times under `cov`.
    pub(in crate::bench) fn report(outcome_of_run: Outcome) -> Report {
        let variants = ["run", "cov"].map(|name| Variant { name, prefix: Vec::new(), side: Side::Ours });
        let mut report = Report::new(Machine::default(), Rounds { ours: 3, peers: 3 }, &variants);
        let run = column("run", [130.0, 120.0, 110.0], outcome_of_run);
        let cov = column("cov", [130.0, 126.0, 110.0], Outcome::Equal);
        let series = Series { native_ms: vec![100.0; 3], variants: vec![run, cov] };
        report.add(Row { workload: &WORKLOADS[0], series });
        report
    }

    fn column(variant: &'static str, cpu_ms: [f64; 3], outcome: Outcome) -> Column {
        Column { variant, cpu_ms: cpu_ms.to_vec(), wall_ms: Vec::new(), outcome }
    }

    #[test]
    fn a_variant_that_failed_has_no_ratio() {
        assert_eq!(report(Outcome::Equal).rows[0].ratio("run"), Some(1.2));
        assert_eq!(report(Outcome::DifferentEnd("Exit(1)".to_owned())).rows[0].ratio("run"), None);
    }

    #[test]
    fn json_names_workloads_and_variants() {
        let json = report(Outcome::Equal).json().unwrap();
        assert!(json.contains("\"workload\": \"xz\"") && json.contains("\"variant\": \"cov\""), "{json}");
    }
}
