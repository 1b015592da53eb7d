//! The report as Markdown.

use super::{Column, Goal, OVER_RUN, Report, Row, Side};
use crate::bench::series::Outcome;
use crate::bench::stats::{Spread, geometric_mean};
use crate::bench::workloads::MEAN_OF;

impl Report {
    /// The table, for readers.
    pub(in crate::bench) fn markdown(&self) -> String {
        let mut text = format!(
            "CPU time (user and system, of all processes that took part) over native: the median of {} rounds \
             ({} for other tools), smallest and largest behind it.\n{}.\n\n",
            self.rounds.ours,
            self.rounds.peers,
            self.machine.sentence()
        );
        text += &line(self.heads());
        text += &line(self.heads().iter().map(|_| "---".to_owned()));
        self.rows.iter().for_each(|row| text += &line(self.cells(row)));
        text += &line(self.means());
        text += "\nBold: misses its goal. `≠`: its output differs from native's.\n";
        if !self.not_measured.is_empty() {
            text += &format!("Not installed: {}.\n", self.not_measured.join(", "));
        }
        text
    }

    fn heads(&self) -> Vec<String> {
        let ratios = self.compared().map(|(name, goal)| format!("{name}/run ≤ {goal}"));
        let fixed = ["workload", "native", "goal for run"].map(str::to_owned).into_iter();
        fixed.chain(self.names(Side::Ours)).chain(ratios).chain(self.names(Side::Peer)).collect()
    }

    fn names(&self, side: Side) -> impl Iterator<Item = String> {
        self.variants.iter().filter(move |head| head.side == side).map(|head| head.name.to_owned())
    }

    /// The variants that are also compared with `run`.
    fn compared(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let measured = |wanted: &str| self.variants.iter().any(|head| head.name == wanted);
        OVER_RUN.into_iter().filter(move |(name, _)| measured("run") && measured(name))
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let named = |name: String| row.series.variants.iter().find(|column| column.variant == name);
        let cell = |name: String| named(name).map_or_else(String::new, |column| row.cell(column));
        let first = [row.title(), row.native(), row.goal()];
        let ours = self.names(Side::Ours).map(cell);
        let ratios = self.compared().map(|(name, goal)| row.over_run(name, goal));
        first.into_iter().chain(ours).chain(ratios).chain(self.names(Side::Peer).map(cell)).collect()
    }

    /// The last line: geometric means of the medians.
    fn means(&self) -> Vec<String> {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| MEAN_OF.contains(&row.workload.name)).collect();
        let mean = |name: String| {
            let ratios: Option<Vec<f64>> = rows.iter().map(|row| row.ratio(&name)).collect();
            ratios
                .and_then(|ratios| geometric_mean(&ratios))
                .map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"))
        };
        let title = format!("geometric mean of {} of {} programs", rows.len(), MEAN_OF.len());
        let ratios = self.compared().map(|_| String::new());
        let first = [title, String::new(), String::new()].into_iter();
        first
            .chain(self.names(Side::Ours).map(mean))
            .chain(ratios)
            .chain(self.names(Side::Peer).map(mean))
            .collect()
    }
}

impl Row {
    fn title(&self) -> String {
        format!("{} ({})", self.workload.name, self.workload.what)
    }

    /// The median native time.
    pub(super) fn native(&self) -> String {
        let median = Spread::of(self.series.native_ms.iter().copied()).map_or(0.0, |spread| spread.median);
        if self.is_extra() { format!("{median:.2} ms") } else { format!("{:.2} s", median / 1e3) }
    }

    fn goal(&self) -> String {
        match self.workload.goal {
            Goal::Ratio(limit) => format!("{limit}"),
            Goal::ExtraMilliseconds(limit) => format!("+{limit} ms"),
            Goal::Open => String::new(),
        }
    }

    /// A variant's cell.
    pub(super) fn cell(&self, column: &Column) -> String {
        let native = &self.series.native_ms;
        let spread = if self.is_extra() { column.more_than(native) } else { column.over(native) };
        match (&column.outcome, spread) {
            (Outcome::DifferentEnd(end), _) => format!("**fails: {end}**"),
            (_, None) => "–".to_owned(),
            (Outcome::Equal, Some(spread)) => self.verdict(column, spread),
            (Outcome::DifferentOutput, Some(spread)) => format!("≠ {}", self.verdict(column, spread)),
        }
    }

    fn verdict(&self, column: &Column, spread: Spread) -> String {
        let (text, limit) = match self.workload.goal {
            Goal::ExtraMilliseconds(limit) => (format!("+{:.2} ms", spread.median), limit),
            Goal::Ratio(limit) => (format!("{:.2}", spread.median), limit),
            Goal::Open => (format!("{:.2}", spread.median), f64::INFINITY),
        };
        let missed = column.variant == "run" && spread.median > limit;
        format!("{} ({:.2}–{:.2})", bold_if(missed, &text), spread.min, spread.max)
    }

    fn over_run(&self, name: &str, goal: f64) -> String {
        let (Some(column), Some(run)) = (self.series.column(name), self.series.column("run")) else {
            return "–".to_owned();
        };
        let ratio = column.over(&run.cpu_ms).map_or(f64::NAN, |spread| spread.median);
        bold_if(ratio > goal, &format!("{ratio:.2}"))
    }
}

fn bold_if(bold: bool, text: &str) -> String {
    if bold { format!("**{text}**") } else { text.to_owned() }
}

fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::report;

    #[test]
    fn a_missed_goal_is_bold_and_a_met_one_is_not() {
        let text = report(Outcome::Equal).markdown();
        assert!(
            text.contains("| 0.10 s | 1.15 | **1.20** (1.10–1.30) | 1.26 (1.10–1.30) | 1.00 |"),
            "{text}"
        );
    }

    #[test]
    fn wrong_output_and_failure_are_said() {
        assert!(report(Outcome::DifferentOutput).markdown().contains("| ≠ **1.20**"));
        let failed = report(Outcome::DifferentEnd("Signal(11)".to_owned())).markdown();
        assert!(failed.contains("| **fails: Signal(11)** |"), "{failed}");
    }
}
