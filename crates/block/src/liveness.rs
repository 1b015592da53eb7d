//! What each instruction of a block leaves needed.

use midstride_relocate::{Live, Scanner, live_in};

use crate::draft::{Draft, MAX_INSNS, Probe};

/// What is live before each instruction of a block.
#[derive(Debug)]
pub(crate) struct LiveMap {
    before: [Live; MAX_INSNS],
}

impl LiveMap {
    /// Computes it for `draft`; behind the block, and where a callout looks at the program's state,
    /// everything is live.
    pub(crate) fn of(draft: &Draft, scanner: &mut Scanner) -> Self {
        let mut before = [Live::EVERYTHING; MAX_INSNS];
        let mut live = Live::EVERYTHING;
        for (index, step) in (0..draft.len()).rev().zip(draft.steps().rev()) {
            if step.is_kept() {
                live = live_in(&scanner.effects(step.insn()), live);
            }
            if matches!(step.probe(), Some(Probe::Callout { .. })) {
                live = Live::EVERYTHING;
            }
            before[index] = live;
        }
        Self { before }
    }

    /// What is live before instruction `index`.
    pub(crate) fn before(&self, index: usize) -> Live {
        self.before.get(index).copied().unwrap_or(Live::EVERYTHING)
    }
}
