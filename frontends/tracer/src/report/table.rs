//! Plain tables: numbers to the right, the last column to the left.

use std::io::{self, Write};

use anstyle::Style;

/// Headings are dim, so that the eye finds the numbers.
const HEADING: Style = Style::new().dimmed();

/// Rows that are printed; those behind them are only counted.
const MOST_ROWS: usize = 25;

/// Rows of equally many cells under headings.
pub(super) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    left_out: usize,
}

impl Table {
    pub(super) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), left_out: 0 }
    }

    /// Adds a row, or counts it when there are [`MOST_ROWS`] already.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if self.rows.len() < MOST_ROWS {
            self.rows.push(cells.into_iter().collect());
        } else {
            self.left_out += 1;
        }
    }

    /// Prints it behind an empty line, or nothing when there are no rows.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let widths = self.widths();
        let headings: Vec<String> = self.headings.iter().map(|&heading| heading.to_owned()).collect();
        writeln!(out, "\n{HEADING}{}{HEADING:#}", line(&headings, &widths))?;
        self.rows.iter().try_for_each(|row| writeln!(out, "{}", line(row, &widths)))?;
        match self.left_out {
            0 => Ok(()),
            more => {
                writeln!(out, "{HEADING}... and {} more (--json has all){HEADING:#}", grouped(more as u64))
            }
        }
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |(column, heading): (usize, &&str)| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).chain([heading.len()]).max().unwrap_or(0)
        };
        self.headings.iter().enumerate().map(widest).collect()
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let Some((last, numbers)) = cells.split_last() else { return String::new() };
    let padded = numbers.iter().zip(widths).map(|(cell, &width)| format!("{cell:>width$}  "));
    padded.chain([last.clone()]).collect()
}

/// A number with separators between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `part` of `whole` in percent; a dash when there is no whole.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        cases.iter().for_each(|&(number, text)| assert_eq!(grouped(number), text));
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&["blocks", "module"]);
        table.row(["7".to_owned(), "/bin/x".to_owned()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().ends_with("     7  /bin/x\n"));
    }

    #[test]
    fn rows_that_are_left_out_are_counted() {
        let mut table = Table::new(&["module"]);
        (0..MOST_ROWS + 2).for_each(|row| table.row([format!("row {row}")]));
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("row 24\n") && !text.contains("row 25"), "{text}");
        assert!(text.contains("... and 2 more"), "{text}");
    }

    #[test]
    fn a_share_of_nothing_is_a_dash() {
        assert_eq!((percent(1, 0).as_str(), percent(1, 8).as_str()), ("-", "12.5 %"));
    }
}
