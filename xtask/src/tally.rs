//! Adding up what the test runners say.

use std::fmt;

/// Test counts, summed over any number of runners.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    filtered: u64,
}

impl Tally {
    /// Takes in a line of a runner's output; lines that are not closing lines change nothing.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let mut words = count.split(' ');
            let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                "filtered" => self.filtered += number,
                _ => {}
            }
        }
    }

    /// Counts one step that passed or failed as a whole.
    pub(crate) fn step(&mut self, passed: &anyhow::Result<()>) {
        match passed {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed += 1,
        }
    }

    /// Whether nothing failed.
    pub(crate) fn is_ok(&self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_ok() { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {verdict}. {} passed; {} failed; {} ignored; 0 measured; {} filtered out",
            self.passed, self.failed, self.ignored, self.filtered
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        tally.read(
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0s",
        );
        assert_eq!(tally, Tally { passed: 5, failed: 1, ignored: 1, filtered: 4 });
        assert_eq!(
            tally.to_string(),
            "test result: FAILED. 5 passed; 1 failed; 1 ignored; 0 measured; 4 filtered out"
        );
    }

    #[test]
    fn a_failed_step_shows_in_the_verdict() {
        let mut tally = Tally::default();
        tally.step(&Ok(()));
        assert!(tally.is_ok());
        tally.step(&Err(anyhow::anyhow!("no")));
        assert!(!tally.is_ok());
    }
}
