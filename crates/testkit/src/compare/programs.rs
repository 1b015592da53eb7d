//! Many instructions together.

use std::fmt;

use iced_x86::Code;

use super::bench::{Bench, Report, Verdict};
use super::case::Case;
use super::follow::{Followed, Instrumentation};
use super::graph::{Graphs, SLOT_BYTES};
use super::rewriting::Rewriting;
use super::stepping::Steps;
use crate::Random;

/// What became of straight-line code and of graphs of blocks.
#[derive(Clone, Default, Debug)]
pub struct Programs {
    /// Cases that left in the same state.
    pub left: u64,
    /// Cases that raised the same signal in the same state.
    pub raised: u64,
    /// Cases that differ in a way that is known.
    pub known: u64,
    /// Cases that were not compared: they did not end, or take an engine.
    pub unfit: u64,
    /// Differences, up to a few.
    pub differences: Vec<Report>,
}

/// What a program is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Instructions in a row.
    Straight,
    /// Blocks that lead to each other.
    Graph,
}

/// Runs of one program: blocks are linked by then, and tables know them.
const RUNS: u64 = 3;
/// Differences that are kept.
const KEPT: usize = 3;

/// Makes programs and compares them.
pub(crate) struct Maker {
    bench: Bench,
    graphs: Graphs,
    random: Random,
    slots: Vec<u64>,
    turn: usize,
}

impl Maker {
    pub(crate) fn new(seed: u64, forms: &[Code], rewritings: &[Rewriting]) -> Self {
        let mut random = Random::new(seed);
        let bench = Bench::new(&mut random, rewritings);
        let slots = bench.machine.slots(SLOT_BYTES).collect();
        Self { bench, graphs: Graphs::new(forms.iter().copied()), random, slots, turn: 0 }
    }

    /// A case, placed.
    pub(crate) fn next(&mut self, kind: Kind) -> Case {
        self.turn += 1;
        if self.turn.is_multiple_of(64) {
            self.bench.machine.world.fill(&mut self.random);
        }
        let slot = self.slots[self.turn % self.slots.len()];
        let case = match kind {
            Kind::Straight => self.graphs.straight(&mut self.random, &self.bench.machine, slot),
            Kind::Graph => self.graphs.graph(&mut self.random, &self.bench.machine, slot),
        };
        self.bench.place(&case, slot, SLOT_BYTES);
        case
    }

    /// How many ways to rewrite there are.
    pub(crate) fn rewriters(&self) -> usize {
        self.bench.rewriters.len()
    }

    /// Compares a case that was placed.
    pub(crate) fn compare(&mut self, case: &Case, rewriter: usize) -> Verdict {
        self.bench.compare(case, rewriter)
    }

    /// Steps through a case that was placed.
    pub(crate) fn step_through(&mut self, case: &Case, rewriter: usize, steps: &mut Steps) {
        self.bench.step_through(case, rewriter, steps);
    }

    /// What the next cases are like is decided by this.
    pub(crate) fn decide_by(&mut self, random: Random) {
        self.random = random;
    }

    /// Another start of the same code.
    pub(crate) fn vary(&mut self, case: &mut Case) {
        case.vectors += 1;
        case.gpr.rax = self.random.next_u64();
        case.gpr.r14 = self.random.below(8);
        case.gpr.rflags ^= self.random.next_u64() & 0x8d5;
    }
}

impl Programs {
    /// Compares this many programs of a kind made of these forms, with a fixed seed, rewritten in all of these
    /// ways by turns.
    #[must_use]
    pub fn of(kind: Kind, seed: u64, count: u64, forms: &[Code], rewritings: &[Rewriting]) -> Self {
        let mut maker = Maker::new(seed, forms, rewritings);
        let mut programs = Self::default();
        let runs = if kind == Kind::Graph { RUNS } else { 1 };
        for _ in 0..count.div_ceil(runs) {
            let mut case = maker.next(kind);
            let rewriter = maker.turn % maker.bench.rewriters.len();
            for _ in 0..runs {
                let verdict = maker.bench.compare(&case, rewriter);
                programs.note(verdict);
                maker.vary(&mut case);
            }
        }
        programs
    }

    /// Compares graphs natively and in a thread that an engine follows, with this many hot bytes of cache.
    #[must_use]
    pub fn followed(
        seed: u64,
        count: u64,
        forms: &[Code],
        instrumentation: Instrumentation,
        hot_bytes: u64,
    ) -> Self {
        let mut random = Random::new(seed);
        let mut followed = Followed::new(&mut random, instrumentation, hot_bytes);
        let mut graphs = Graphs::new(forms.iter().copied());
        let slots: Vec<u64> = followed.bench.machine.slots(SLOT_BYTES).collect();
        let mut programs = Self::default();
        for _ in 0..count.div_ceil(slots.len() as u64) {
            let machine = &mut followed.bench.machine;
            machine.world.fill(&mut random);
            let cases: Vec<Case> =
                slots.iter().map(|slot| graphs.graph(&mut random, machine, *slot)).collect();
            cases.iter().for_each(|case| machine.place(case));
            followed.compare(&cases).into_iter().for_each(|verdict| programs.note(verdict));
        }
        programs
    }

    /// Steps through this many graphs.
    #[must_use]
    pub fn stepped(seed: u64, count: u64, forms: &[Code], rewritings: &[Rewriting]) -> Steps {
        let mut maker = Maker::new(seed, forms, rewritings);
        let mut steps = Steps::default();
        for _ in 0..count.div_ceil(RUNS) {
            let mut case = maker.next(Kind::Graph);
            let rewriter = maker.turn % maker.bench.rewriters.len();
            for _ in 0..RUNS {
                maker.bench.step_through(&case, rewriter, &mut steps);
                maker.vary(&mut case);
                if steps.differences.len() > KEPT {
                    return steps;
                }
            }
        }
        steps
    }

    pub(crate) fn note(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Left => self.left += 1,
            Verdict::Raised { .. } => self.raised += 1,
            Verdict::Known(_) => self.known += 1,
            Verdict::Endless | Verdict::Unfit => self.unfit += 1,
            Verdict::Different(report) if self.differences.len() < KEPT => self.differences.push(*report),
            Verdict::Different(_) => {}
        }
    }

    /// How many cases were compared.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.left + self.raised
    }
}

impl fmt::Display for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, raised, known, unfit, .. } = self;
        write!(f, "{left} left, {raised} raised signals, {known} differ in known ways, {unfit} were unfit")
    }
}
