//! What a block needs of the registers and flags it is entered with.

use midstride_relocate::{FlagSet, GprSet, Live, Scanner, live_in};

use crate::draft::{Draft, MAX_INSNS};

/// What of `asked` the code of `draft` may read before it writes it. What it neither reads nor writes
/// counts as needed: whoever runs next may read it.
pub(crate) fn live_at_entry(draft: &Draft, scanner: &mut Scanner, asked: Live) -> Live {
    let mut open = asked;
    let mut live = Live { gprs: GprSet::EMPTY, flags: FlagSet::EMPTY };
    for step in draft.steps() {
        if open.gprs.is_empty() && open.flags.is_empty() {
            break;
        }
        let effects = scanner.effects(step.insn());
        live.gprs = live.gprs.union(effects.gpr_read.intersection(open.gprs));
        live.flags = live.flags.union(effects.flags_read.intersection(open.flags));
        open.gprs = open.gprs.minus(effects.gpr_read).minus(effects.gpr_written);
        open.flags = open.flags.minus(effects.flags_read).minus(effects.flags_overwritten);
    }
    Live { gprs: live.gprs.union(open.gprs), flags: live.flags.union(open.flags) }
}

/// What is live before each instruction of a block.
#[derive(Debug)]
pub(crate) struct LiveMap {
    before: [Live; MAX_INSNS],
}

impl LiveMap {
    /// Computes it for `draft`; behind the block everything is live.
    pub(crate) fn of(draft: &Draft, scanner: &mut Scanner) -> Self {
        let mut before = [Live::EVERYTHING; MAX_INSNS];
        let mut live = Live::EVERYTHING;
        for (index, step) in (0..draft.len()).rev().zip(draft.steps().rev()) {
            live = live_in(&scanner.effects(step.insn()), live);
            before[index] = live;
        }
        Self { before }
    }

    /// What is live before instruction `index`.
    pub(crate) fn before(&self, index: usize) -> Live {
        self.before.get(index).copied().unwrap_or(Live::EVERYTHING)
    }
}
