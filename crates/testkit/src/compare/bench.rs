//! Cases, natively and rewritten.

use std::fmt;

use midstride_addr::{AppPc, AppRange};
use midstride_frame::rflags;

use super::case::Case;
use super::machine::Machine;
use super::outcome::{Difference, End, Flags, Judge, Outcome};
use super::rewriter::Rewriter;
use super::rewriting::Rewriting;
use crate::Random;

/// What came of comparing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Both left in the same state.
    Left,
    /// Both raised the same signal in the same state.
    Raised {
        /// Its number.
        signal: i32,
    },
    /// They differ in a way that is known: see [`Limit`].
    Known(Limit),
    /// The native run was stopped: it did not end.
    Endless,
    /// It takes an engine to carry the case out.
    Unfit,
    /// They differ.
    Different(Box<Report>),
}

/// Differences that rewriting makes, and that are listed in the engine's documentation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Limit {
    /// A jump or return to an address that no processor takes faults there and not where it stands.
    WildTarget,
    /// A return takes its target from a misaligned stack while alignment is checked: it is looked at in pieces
    /// that are aligned, and control goes there, where it may fault.
    MisalignedReturn,
}

/// A difference and all about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Report(String);

impl Report {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Says what it is about, if it does not yet.
    pub(crate) fn name(&mut self, name: &str) {
        if !self.0.starts_with("of ") {
            self.0.insert_str(0, &format!("of \"{name}\": "));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A machine and code caches to compare it with.
pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) rewriters: Vec<Rewriter>,
    native: Outcome,
    rewritten: Outcome,
}

impl Bench {
    pub(crate) fn new(random: &mut Random, rewritings: &[Rewriting]) -> Self {
        let machine = Machine::new(random);
        let gs = machine.has_bases();
        let usable = rewritings.iter().filter(|rewriting| gs || !rewriting.needs_gs());
        let rewriters = usable.map(|rewriting| Rewriter::new(&machine, *rewriting)).collect();
        Self { machine, rewriters, native: Outcome::default(), rewritten: Outcome::default() }
    }

    /// Writes a case's code to its place of this many bytes.
    pub(crate) fn place(&mut self, case: &Case, slot: u64, bytes: u64) {
        let range = AppRange::new(AppPc::new(slot), AppPc::new(slot + bytes));
        self.rewriters.iter_mut().for_each(|rewriter| rewriter.forget(range));
        self.machine.place(case);
    }

    /// Runs a case that was placed natively, and rewritten by the rewriter of this number.
    pub(crate) fn compare(&mut self, case: &Case, rewriter: usize) -> Verdict {
        self.machine.native(case, &mut self.native);
        if self.native.end == End::Stopped {
            return Verdict::Endless;
        }
        let flags = self.rewriters[rewriter].flags();
        self.rewriters[rewriter].run(&mut self.machine, case, &mut self.rewritten);
        if self.rewritten.end == End::Unfit {
            return Verdict::Unfit;
        }
        match judge(&self.machine, case, flags, &self.native, &self.rewritten) {
            None => verdict(&self.native),
            Some(difference) => match known(case, &self.native, &self.rewritten) {
                Some(limit) => Verdict::Known(limit),
                None => self.report(case, rewriter, &difference),
            },
        }
    }

    fn report(&mut self, case: &Case, rewriter: usize, difference: &Difference) -> Verdict {
        let rewriter = &mut self.rewriters[rewriter];
        let listing = rewriter.listing(case);
        let text = format!("{difference}\n{case:?}\n{:?}\n{listing}", rewriter.rewriting);
        Verdict::Different(Box::new(Report(text)))
    }
}

/// Which limit explains a difference.
pub(crate) fn known(case: &Case, native: &Outcome, rewritten: &Outcome) -> Option<Limit> {
    const SIGBUS: i32 = 7;
    let End::Signal { number, .. } = native.end else { return None };
    let rip = rewritten.gpr.rip.cast_signed();
    let is_canonical = rip << 16 >> 16 == rip;
    let checks = native.gpr.rflags & rflags::AC != 0;
    match number {
        SIGBUS if checks && !native.gpr.rsp.is_multiple_of(8) && case.returns_at(native.gpr.rip) => {
            Some(Limit::MisalignedReturn)
        }
        _ => (!is_canonical && native.end == rewritten.end).then_some(Limit::WildTarget),
    }
}

/// What two runs that do not differ came to.
pub(crate) fn verdict(native: &Outcome) -> Verdict {
    match native.end {
        End::Signal { number, .. } => Verdict::Raised { signal: number },
        _ => Verdict::Left,
    }
}

/// The first difference between two runs of a case.
pub(crate) fn judge(
    machine: &Machine,
    case: &Case,
    flags: Flags,
    native: &Outcome,
    rewritten: &Outcome,
) -> Option<Difference> {
    let judge = Judge {
        format: machine.format(),
        valid: machine.valid(),
        flags,
        unseen: &case.unseen,
        world: Some(&machine.world),
    };
    judge.difference(native, rewritten)
}
