//! The table as a picture: bars of CPU time over native, shorter is better.

use std::fmt::Write as _;

use super::report::{Report, Row};

/// Pixels across, and where the bars start.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
/// Room for the number behind the longest bar.
const RIGHT: f64 = 60.0;
/// Pixels above the bars, for the legend.
const TOP: f64 = 48.0;
/// Pixels for each bar, and between workloads.
const BAR: f64 = 12.0;
const GAP: f64 = 10.0;
/// Longer bars end here; their numbers tell.
const LONGEST: f64 = 12.0;

/// One colour for each variant, distinct for most colour-blind readers.
const COLOURS: [&str; 6] = ["#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#787878"];

/// The picture, as the text of an SVG file.
pub(super) fn svg(report: &Report) -> String {
    let rows: Vec<&Row> = report.ratio_rows().collect();
    let variants: Vec<&str> = report.variants().iter().map(|head| head.name).collect();
    let group = variants.len() as f64 * BAR + GAP;
    let height = TOP + rows.len() as f64 * group + GAP;
    let mut chart = Chart { text: String::new(), scale: scale(&rows, &variants) };
    chart.axis(height);
    chart.legend(&variants);
    for (at, row) in rows.iter().enumerate() {
        chart.group(TOP + at as f64 * group, row, &variants);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
        chart.text
    )
}

/// Pixels for a ratio of one.
fn scale(rows: &[&Row], variants: &[&str]) -> f64 {
    let ratios = rows.iter().flat_map(|row| variants.iter().filter_map(|variant| row.ratio(variant)));
    let longest = ratios.fold(1.0, f64::max).min(LONGEST);
    (WIDTH - LEFT - RIGHT) / longest
}

struct Chart {
    text: String,
    scale: f64,
}

impl Chart {
    /// The line that native runs would reach.
    fn axis(&mut self, height: f64) {
        let x = LEFT + self.scale;
        self.put(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{height}\" stroke=\"#999\" stroke-dasharray=\"3 3\"/>",
            TOP - 8.0
        ));
        self.label(x, TOP - 12.0, "middle", "native");
    }

    fn legend(&mut self, variants: &[&str]) {
        self.label(LEFT, 16.0, "start", "CPU time over native, medians");
        for (number, variant) in variants.iter().enumerate() {
            let x = LEFT + 220.0 + number as f64 * 105.0;
            self.bar(x, 7.0, 10.0, number);
            self.label(x + 14.0, 16.0, "start", variant);
        }
    }

    /// The bars of one workload, its name beside them.
    fn group(&mut self, top: f64, row: &Row, variants: &[&str]) {
        let middle = top + variants.len() as f64 * BAR / 2.0 + 4.0;
        self.label(LEFT - 6.0, middle, "end", row.workload.name);
        for (number, variant) in variants.iter().enumerate() {
            let Some(ratio) = row.ratio(variant) else { continue };
            let (y, length) = (top + number as f64 * BAR, ratio.min(LONGEST) * self.scale);
            self.bar(LEFT, y, length, number);
            self.label(LEFT + length + 4.0, y + BAR - 3.0, "start", &format!("{ratio:.2}"));
        }
    }

    fn bar(&mut self, x: f64, y: f64, length: f64, number: usize) {
        let (colour, thick) = (COLOURS[number % COLOURS.len()], BAR - 2.0);
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{thick}\" fill=\"{colour}\"/>"
        ));
    }

    /// Names of workloads and variants hold nothing that XML would read as markup, except in `&`.
    fn label(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;");
        self.put(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{element}").expect("a string takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::report;
    use crate::bench::series::Outcome;

    #[test]
    fn bars_are_as_long_as_their_ratios() {
        let text = svg(&report(Outcome::Equal));
        let whole = WIDTH - LEFT - RIGHT;
        assert!(text.contains(&format!("width=\"{whole:.1}\"")), "the longest bar fills the width: {text}");
        assert!(
            text.contains(">1.26</text>") && text.contains(&format!("width=\"{:.1}\"", whole * 1.2 / 1.26))
        );
    }

    #[test]
    fn a_variant_that_failed_has_no_bar() {
        let text = svg(&report(Outcome::DifferentEnd("Exit(1)".to_owned())));
        assert!(!text.contains(">1.20</text>") && text.contains(">1.26</text>"));
    }
}
