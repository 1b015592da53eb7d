//! Where the unsafe code is: the table in SAFETY.md, made from the sources so that growth is seen.

mod count;
mod sources;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::project::root;
use count::Counts;
use sources::Source;

const BEGIN: &str = "<!-- begin of the table made by `cargo xtask unsafe-report --write` -->";
const END: &str = "<!-- end of the table -->";

/// What to do with the table.
#[derive(Args)]
pub(crate) struct UnsafeReport {
    /// Replace the table in SAFETY.md instead of printing it.
    #[arg(long)]
    write: bool,
}

impl UnsafeReport {
    /// Prints the table, or puts it into SAFETY.md.
    pub(crate) fn run(&self) -> Result<()> {
        let table = table()?;
        if !self.write {
            print!("{table}");
            return Ok(());
        }
        let text = fs::read_to_string(safety_md()).context("cannot read SAFETY.md")?;
        let (before, old, after) = parts(&text)?;
        println!("SAFETY.md: {}", if old == table { "was up to date" } else { "updated" });
        fs::write(safety_md(), [before, &table, after].concat()).context("cannot write SAFETY.md")
    }
}

fn safety_md() -> PathBuf {
    root().join("SAFETY.md")
}

/// The text before the table, the table, and the text behind it.
fn parts(text: &str) -> Result<(&str, &str, &str)> {
    let begin = text.find(BEGIN).context("SAFETY.md has lost the line that begins the table")?;
    let begin = begin + BEGIN.len() + 1;
    let end = text.find(END).context("SAFETY.md has lost the line that ends the table")?;
    ensure!(begin <= end, "SAFETY.md has the table's end before its beginning");
    Ok((&text[..begin], &text[begin..end], &text[end..]))
}

/// The table as it should be, then the crates that have none.
fn table() -> Result<String> {
    let mut rows = String::new();
    let mut total = Counts::default();
    for source in sources::all()? {
        let counts = source.counts()?;
        if counts != Counts::default() {
            rows += &row(&source, counts);
            total += counts;
        }
    }
    let mut table = String::from(
        "\n| module | blocks | fns | impls and traits | asm | what it is |\n|---|--:|--:|--:|--:|---|\n",
    );
    table += &rows;
    writeln!(table, "| **all** | {total} | |\n")?;
    writeln!(table, "Crates that forbid unsafe code: {}.\n", sources::forbidding()?.join(", "))?;
    Ok(table)
}

fn row(source: &Source, counts: Counts) -> String {
    format!("| `{}` | {counts} | {} |\n", source.name(), source.first_sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_safety_md_is_fresh() {
        let text = fs::read_to_string(safety_md()).unwrap();
        let (_, written, _) = parts(&text).unwrap();
        assert_eq!(
            written,
            table().unwrap(),
            "run `cargo xtask unsafe-report --write` and review the difference"
        );
    }

    #[test]
    fn a_document_without_the_marks_is_refused() {
        assert!(parts("no table").is_err());
        assert!(parts(&format!("{END}\n{BEGIN}\n")).is_err());
    }
}
