//! A table as a picture: bars of ratios, shorter is better.

use std::fmt::Write as _;

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

/// What is shown.
pub(super) struct Bars<'a> {
    /// What the numbers are.
    pub(super) title: &'a str,
    /// What a bar of length one stands for.
    pub(super) one: &'a str,
    /// A bar of each group, by name.
    pub(super) heads: Vec<&'a str>,
    /// The groups: their names, and the length of each bar, where there is one.
    pub(super) groups: Vec<(&'a str, Vec<Option<f64>>)>,
}

/// The picture, as the text of an SVG file.
pub(super) fn svg(bars: &Bars<'_>) -> String {
    let group = bars.heads.len() as f64 * BAR + GAP;
    let height = TOP + bars.groups.len() as f64 * group + GAP;
    let mut chart = Chart { text: String::new(), scale: scale(bars) };
    chart.axis(height, bars.one);
    chart.legend(bars);
    for (at, (name, ratios)) in bars.groups.iter().enumerate() {
        chart.group(TOP + at as f64 * group, name, ratios);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
        chart.text
    )
}

/// Pixels for a ratio of one.
fn scale(bars: &Bars<'_>) -> f64 {
    let ratios = bars.groups.iter().flat_map(|(_, ratios)| ratios).copied().flatten();
    let longest = ratios.fold(1.0, f64::max).min(LONGEST);
    (WIDTH - LEFT - RIGHT) / longest
}

struct Chart {
    text: String,
    scale: f64,
}

impl Chart {
    /// The line that bars of length one reach.
    fn axis(&mut self, height: f64, one: &str) {
        let x = LEFT + self.scale;
        self.put(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{height}\" stroke=\"#999\" stroke-dasharray=\"3 3\"/>",
            TOP - 8.0
        ));
        self.label(x, TOP - 12.0, "middle", one);
    }

    fn legend(&mut self, bars: &Bars<'_>) {
        self.label(LEFT, 16.0, "start", bars.title);
        for (number, head) in bars.heads.iter().enumerate() {
            let x = LEFT + 270.0 + number as f64 * 105.0;
            self.bar(x, 7.0, 10.0, number);
            self.label(x + 14.0, 16.0, "start", head);
        }
    }

    /// The bars of one workload, its name beside them.
    fn group(&mut self, top: f64, name: &str, ratios: &[Option<f64>]) {
        let middle = top + ratios.len() as f64 * BAR / 2.0 + 4.0;
        self.label(LEFT - 6.0, middle, "end", name);
        for (number, ratio) in ratios.iter().enumerate() {
            let Some(ratio) = *ratio else { continue };
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
        let text = svg(&report(Outcome::Equal).bars());
        let whole = WIDTH - LEFT - RIGHT;
        assert!(text.contains(&format!("width=\"{whole:.1}\"")), "the longest bar fills the width: {text}");
        assert!(
            text.contains(">1.26</text>") && text.contains(&format!("width=\"{:.1}\"", whole * 1.2 / 1.26))
        );
    }

    #[test]
    fn a_variant_that_failed_has_no_bar() {
        let text = svg(&report(Outcome::DifferentEnd("Exit(1)".to_owned())).bars());
        assert!(!text.contains(">1.20</text>") && text.contains(">1.26</text>"));
    }
}
