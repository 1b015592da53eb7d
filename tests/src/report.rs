//! What was not run, said loudly, once, at the end.

use std::collections::BTreeMap;

/// Tests that were not run, by reason.
#[derive(Debug, Default)]
pub struct NotRun {
    by_reason: BTreeMap<String, Vec<String>>,
}

impl NotRun {
    /// Notes that `test` is not run and why.
    pub fn add(&mut self, reason: impl Into<String>, test: &str) {
        self.by_reason.entry(reason.into()).or_default().push(test.to_owned());
    }

    /// Whether everything is run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_reason.is_empty()
    }

    /// Prints each reason with the tests it holds back, and their number.
    pub fn print(&self, suite: &str) {
        for (reason, tests) in &self.by_reason {
            eprintln!("NOT RUN: {reason}: {} ({})", tests.len(), tests.join(", "));
        }
        let total: usize = self.by_reason.values().map(Vec::len).sum();
        eprintln!("{suite}: {total} tests not run");
    }
}
