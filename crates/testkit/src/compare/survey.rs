//! Every form there is, case by case.

use std::collections::BTreeMap;
use std::fmt;

use iced_x86::Code;

use super::bench::{Bench, Report, Verdict};
use super::follow::{Followed, Instrumentation};
use super::rewriting::Rewriting;
use super::single::{SLOT_BYTES, Single};
use super::skip::{Skip, skip, takes_an_engine};
use crate::Random;

/// What became of the cases of one form.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Left in the same state.
    pub left: u64,
    /// Raised the same signal in the same state; in any other way than as something undefined.
    pub raised: u64,
    /// Were undefined natively and rewritten: this processor does not have the form.
    pub undefined: u64,
    /// Differed in a way that is known.
    pub known: u64,
    /// Were carried out by an engine, or not at all.
    pub unfit: u64,
}

/// What was compared, and what was not and why.
#[derive(Clone, Default, Debug)]
pub struct Survey {
    /// By form.
    pub forms: BTreeMap<Code, Tally>,
    /// Forms that are compared nowhere.
    pub skipped: BTreeMap<Skip, Vec<Code>>,
    /// Differences, up to a few.
    pub differences: Vec<Report>,
}

/// How far a form was compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Coverage {
    /// It was carried out.
    CarriedOut,
    /// It only raised signals, as it does at this privilege, or with these operands.
    Raised,
    /// This processor does not have it.
    Undefined,
    /// No case was fit for comparing.
    None,
}

impl Tally {
    /// How far the form was compared.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        match self {
            Self { left: 1.., .. } => Coverage::CarriedOut,
            Self { raised: 1.., .. } => Coverage::Raised,
            Self { undefined: 1.., .. } => Coverage::Undefined,
            _ => Coverage::None,
        }
    }

    /// How many cases were compared.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.left + self.raised + self.undefined
    }
}

/// Differences that are kept.
const KEPT: usize = 5;
const SIGILL: i32 = 4;

impl Survey {
    /// Compares about this many cases of each form, with a fixed seed, rewritten in all of these ways by turns.
    #[must_use]
    pub fn of_all_forms(seed: u64, cases: u64, rewritings: &[Rewriting]) -> Self {
        let mut random = Random::new(seed);
        let mut bench = Bench::new(&mut random, rewritings);
        let mut single = Single::new();
        let mut survey = Self::default();
        survey.note_skipped();
        let is_run = |code: &Code| skip(*code).is_none() && !takes_an_engine(*code);
        let run: Vec<Code> = Code::values().filter(is_run).collect();
        let slots: Vec<u64> = bench.machine.slots(SLOT_BYTES).collect();
        let mut turn = 0;
        for _ in 0..cases {
            bench.machine.world.fill(&mut random);
            for code in &run {
                turn += 1;
                let slot = slots[turn % slots.len()];
                let Some(case) = single.case(*code, &mut random, &bench.machine, slot) else { continue };
                bench.place(&case, slot, SLOT_BYTES);
                let rewriter = turn % bench.rewriters.len();
                let verdict = bench.compare(&case, rewriter);
                survey.note(*code, verdict);
            }
        }
        survey
    }

    /// The same in a thread that an engine follows, with this many hot bytes of cache. Forms that
    /// [take an engine](takes_an_engine) are run too; those that use the base of FS, which the engine needs, are not.
    #[must_use]
    pub fn of_all_forms_followed(
        seed: u64,
        cases: u64,
        instrumentation: Instrumentation,
        hot_bytes: u64,
    ) -> Self {
        let mut random = Random::new(seed);
        let mut followed = Followed::new(&mut random, instrumentation, hot_bytes);
        let mut single = Single::new();
        let mut survey = Self::default();
        survey.note_skipped();
        let run: Vec<Code> = Code::values().filter(|code| skip(*code).is_none()).collect();
        let slots: Vec<u64> = followed.bench.machine.slots(SLOT_BYTES).collect();
        for _ in 0..cases {
            followed.bench.machine.world.fill(&mut random);
            let machine = &mut followed.bench.machine;
            let mut placed = Vec::new();
            for (code, slot) in run.iter().zip(&slots) {
                if let Some(case) = single.case(*code, &mut random, machine, *slot) {
                    machine.place(&case);
                    placed.push((*code, case));
                }
            }
            let (codes, cases): (Vec<_>, Vec<_>) = placed.into_iter().unzip();
            let verdicts = followed.compare(&cases);
            codes.into_iter().zip(verdicts).for_each(|(code, verdict)| survey.note(code, verdict));
        }
        survey
    }

    fn note_skipped(&mut self) {
        for code in Code::values() {
            if let Some(reason) = skip(code) {
                self.skipped.entry(reason).or_default().push(code);
            }
        }
    }

    /// All of it, for programs: an object of three, `forms` with what became of each, `skipped` with the forms of each
    /// reason, and the number of `differences`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let quoted =
            |codes: &[Code]| codes.iter().map(|code| format!("\"{code:?}\"")).collect::<Vec<_>>().join(", ");
        let form = |(code, tally): (&Code, &Tally)| {
            let Tally { left, raised, undefined, known, unfit } = tally;
            format!(
                "    \"{code:?}\": {{ \"left\": {left}, \"raised\": {raised}, \"undefined\": {undefined}, \
                 \"known\": {known}, \"unfit\": {unfit} }}"
            )
        };
        let forms: Vec<String> = self.forms.iter().map(form).collect();
        let reason =
            |(skip, codes): (&Skip, &Vec<Code>)| format!("    \"{}\": [{}]", skip.reason(), quoted(codes));
        let skipped: Vec<String> = self.skipped.iter().map(reason).collect();
        format!(
            "{{\n  \"forms\": {{\n{}\n  }},\n  \"skipped\": {{\n{}\n  }},\n  \"differences\": {}\n}}\n",
            forms.join(",\n"),
            skipped.join(",\n"),
            self.differences.len()
        )
    }

    fn note(&mut self, code: Code, verdict: Verdict) {
        let tally = self.forms.entry(code).or_default();
        match verdict {
            Verdict::Left => tally.left += 1,
            Verdict::Raised { signal: SIGILL } => tally.undefined += 1,
            Verdict::Raised { .. } => tally.raised += 1,
            Verdict::Known(_) => tally.known += 1,
            Verdict::Endless | Verdict::Unfit => tally.unfit += 1,
            Verdict::Different(report) if self.differences.len() < KEPT => self.differences.push(*report),
            Verdict::Different(_) => {}
        }
    }

    /// How many cases were compared.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.forms.values().map(Tally::compared).sum()
    }

    /// The forms that were compared this far.
    pub fn with(&self, coverage: Coverage) -> impl Iterator<Item = Code> {
        self.forms.iter().filter(move |(_, tally)| tally.coverage() == coverage).map(|(code, _)| *code)
    }
}

/// A table.
impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>8} cases", self.compared())?;
        for (coverage, what) in [
            (Coverage::CarriedOut, "forms carried out"),
            (Coverage::Raised, "forms that only raise signals"),
            (Coverage::Undefined, "forms that this processor does not have"),
            (Coverage::None, "forms without a case fit for comparing"),
        ] {
            writeln!(f, "{:>8} {what}", self.with(coverage).count())?;
        }
        for (skip, forms) in &self.skipped {
            writeln!(f, "{:>8} compared nowhere: {}", forms.len(), skip.reason())?;
        }
        let names: Vec<String> = self.with(Coverage::Raised).map(|code| format!("{code:?}")).collect();
        writeln!(f, "only raise signals: {}", names.join(" "))
    }
}
