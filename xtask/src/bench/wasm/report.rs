//! The tables: Markdown for readers, JSON for programs, bars.

use anyhow::{Context, Result};
use serde::Serialize;

use super::compile::{self, Compiled};
use super::engines::{BASE, Engine, OURS, WITHOUT_POLLS};
use super::freeze::{self, Frozen};
use super::kernels::Kernel;
use super::text::{Bound, line};
use crate::bench::chart::Bars;
use crate::bench::report::Machine;
use crate::bench::series::{Outcome, Series};
use crate::bench::stats::{Spread, geometric_mean};

/// What midwasm's run time over wasmtime's with Cranelift is to be at most.
const GOAL: Bound = Bound::AtMost(1.9);
/// What polls may cost.
const POLLS_GOAL: Bound = Bound::AtMost(1.02);

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    machine: Machine,
    rounds: u32,
    engines: Vec<&'static str>,
    kernels: Vec<Row>,
    pub(super) compiling: Vec<Compiled>,
    pub(super) freezing: Vec<Frozen>,
    /// Kernels that cannot be built here.
    not_measured: Vec<&'static str>,
}

/// One kernel's measurements.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "name_of")]
    pub(super) kernel: &'static Kernel,
    #[serde(flatten)]
    pub(super) series: Series,
}

fn name_of<S: serde::Serializer>(kernel: &&'static Kernel, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kernel.name)
}

/// A column of the table: which run time over which, and what it is to be at most.
struct Column {
    head: &'static str,
    over: &'static str,
    under: &'static str,
    goal: Bound,
}

const COLUMNS: [Column; 5] = [
    Column { head: "midwasm", over: OURS, under: BASE, goal: GOAL },
    Column { head: "winch", over: "winch", under: BASE, goal: Bound::None },
    Column { head: "liftoff", over: "liftoff", under: BASE, goal: Bound::None },
    Column { head: "native", over: "native", under: BASE, goal: Bound::None },
    Column { head: "loop polls", over: OURS, under: WITHOUT_POLLS, goal: POLLS_GOAL },
];

impl Report {
    /// A report without rows.
    pub(super) fn new(rounds: u32, engines: &[Engine]) -> Self {
        let engines = engines.iter().map(|engine| engine.name).collect();
        Self {
            machine: Machine::here(),
            rounds,
            engines,
            kernels: Vec::new(),
            compiling: Vec::new(),
            freezing: Vec::new(),
            not_measured: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: Row) {
        self.kernels.push(row);
    }

    /// Notes that a kernel could not be measured.
    pub(super) fn skip(&mut self, name: &'static str) {
        self.not_measured.push(name);
    }

    /// The numbers, for programs.
    pub(super) fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("a report is always JSON")
    }

    /// Run times as a picture.
    pub(super) fn bars(&self) -> Bars<'_> {
        let columns = || self.columns().filter(|column| column.under == BASE);
        let ratios = |row: &Row| columns().map(|column| row.ratio(column).map(|it| it.median)).collect();
        Bars {
            title: "run time over wasmtime's, medians",
            one: "wasmtime with Cranelift",
            heads: columns().map(|column| column.head).collect(),
            groups: self.kernels.iter().map(|row| (row.kernel.name, ratios(row))).collect(),
        }
    }

    /// The tables, for readers.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "Run time (processor time of the running thread, without compiling) over that of wasmtime with Cranelift: \
             the median of {} rounds, smallest and largest behind it. `loop polls`: midwasm over midwasm \
             without polls in loops (those at entries are the check of the stack's limit); the instructions that run are \
             the same with them, and only cold code makes that functions lie elsewhere.\n{}.\n\n",
            self.rounds,
            self.machine.sentence()
        );
        let heads = self.columns().map(|column| column.goal.head(column.head));
        let heads: Vec<String> = ["kernel", BASE].map(str::to_owned).into_iter().chain(heads).collect();
        text += &line(heads.clone());
        text += &line(heads.iter().map(|_| "---".to_owned()));
        for row in &self.kernels {
            let cells = self.columns().map(|column| row.cell(column));
            text += &line([row.title(), row.base()].into_iter().chain(cells));
        }
        text += &self.means();
        text += "\nBold: above its goal. `≠`: it prints something else than natively, so that times say nothing.\n";
        if !self.not_measured.is_empty() {
            text += &format!("Not built here: {}.\n", self.not_measured.join(", "));
        }
        if !self.compiling.is_empty() {
            text += &compile::markdown(&self.compiling);
        }
        if !self.freezing.is_empty() {
            text += &freeze::markdown(&self.freezing);
        }
        text
    }

    /// The columns for which there are engines.
    fn columns(&self) -> impl Iterator<Item = &'static Column> {
        let measured = |name: &str| name == "native" || self.engines.contains(&name);
        COLUMNS.iter().filter(move |column| measured(column.over) && measured(column.under))
    }

    /// The last line of the table.
    fn means(&self) -> String {
        let mean = |column: &Column| {
            let medians: Vec<f64> =
                self.kernels.iter().filter_map(|row| Some(row.ratio(column)?.median)).collect();
            geometric_mean(&medians).map_or_else(|| "–".to_owned(), |mean| column.goal.show(mean, 2))
        };
        let title = format!("geometric mean of {}", self.kernels.len());
        line([title, String::new()].into_iter().chain(self.columns().map(mean)))
    }
}

impl Row {
    /// One line for the terminal.
    pub(super) fn summary(&self) -> String {
        let cells = COLUMNS.iter().map(|column| format!("{} {}", column.head, self.cell(column)));
        format!("{}: {}; {}", self.kernel.name, self.base(), cells.collect::<Vec<_>>().join("; "))
    }

    fn title(&self) -> String {
        format!("{} ({})", self.kernel.name, self.kernel.what)
    }

    /// Milliseconds of each round, when the results were right.
    fn milliseconds(&self, name: &str) -> Option<&[f64]> {
        if name == "native" {
            return Some(&self.series.native_ms);
        }
        let column = self.series.column(name)?;
        (column.outcome == Outcome::Equal).then_some(&*column.cpu_ms)
    }

    fn base(&self) -> String {
        let spread = self.milliseconds(BASE).and_then(|ms| Spread::of(ms.iter().copied()));
        spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.2} s", spread.median / 1e3))
    }

    /// Round by round, one engine's time over another's.
    fn ratio(&self, column: &Column) -> Option<Spread> {
        let (over, under) = (self.milliseconds(column.over)?, self.milliseconds(column.under)?);
        Spread::of(over.iter().zip(under).map(|(over, under)| over / under))
    }

    fn cell(&self, column: &Column) -> String {
        if let Some(ratio) = self.ratio(column) {
            return format!("{} ({:.2}–{:.2})", column.goal.show(ratio.median, 2), ratio.min, ratio.max);
        }
        match self.series.outcome(column.over) {
            Some(Outcome::DifferentOutput) => "**≠**".to_owned(),
            Some(Outcome::DifferentEnd(end)) => format!("**fails: {end}**"),
            _ => "–".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernels::KERNELS;
    use super::*;
    use crate::bench::series;

    /// One kernel: 100 ms under wasmtime, twice that under midwasm.
    fn report(outcome: Outcome) -> Report {
        let column = |variant, ms: f64, outcome| series::Column {
            variant,
            cpu_ms: vec![ms; 3],
            wall_ms: Vec::new(),
            outcome,
        };
        let variants = vec![
            column(OURS, 200.0, outcome),
            column(WITHOUT_POLLS, 198.0, Outcome::Equal),
            column(BASE, 100.0, Outcome::Equal),
        ];
        let mut report = Report::new(3, &[]);
        report.engines = vec![OURS, WITHOUT_POLLS, BASE];
        report.add(Row { kernel: &KERNELS[0], series: Series { native_ms: vec![80.0; 3], variants } });
        report
    }

    #[test]
    fn ratios_are_to_wasmtime_and_bold_above_the_goal() {
        let text = report(Outcome::Equal).markdown();
        let cells = "| 0.10 s | **2.00** (2.00–2.00) | 0.80 (0.80–0.80) | 1.01 (1.01–1.01) |";
        assert!(text.contains(cells), "{text}");
        assert!(text.contains("| geometric mean of 1 |  | **2.00** | 0.80 | 1.01 |"), "{text}");
        assert_eq!(report(Outcome::Equal).bars().groups[0].1, [Some(2.0), Some(0.8)]);
    }

    #[test]
    fn there_is_no_ratio_of_times_with_different_results() {
        let wrong = report(Outcome::DifferentOutput);
        let text = wrong.markdown();
        assert!(text.contains("| 0.10 s | **≠** | 0.80 (0.80–0.80) | **≠** |"), "{text}");
        assert!(text.contains("| geometric mean of 1 |  | – | 0.80 | – |"), "{text}");
        assert_eq!(wrong.bars().groups[0].1, [None, Some(0.8)]);
    }
}
