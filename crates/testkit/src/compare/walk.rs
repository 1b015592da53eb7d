//! How far rewritten code has come in a native run.

use super::outcome::{Flags, Judge, Outcome};
use super::trace::{Stop, Trace};

/// A place in a native run.
pub(crate) struct Walk<'n> {
    pub(crate) native: &'n Trace,
    pub(crate) judge: Judge<'n>,
    at: usize,
}

impl<'n> Walk<'n> {
    pub(crate) fn new(native: &'n Trace, judge: Judge<'n>) -> Self {
        Self { native, judge, at: 0 }
    }

    /// The cache was left by an instruction of the program, even if it changed nothing, as a jump to itself.
    pub(crate) fn leave(&mut self) {
        let [now, next] = [self.at, self.at + 1].map(|at| self.native.points.get(at));
        let repeats = now.zip(next).is_some_and(|(now, next)| self.judge.same_registers(now, next));
        self.at += usize::from(repeats);
    }

    /// The state is that of the native point reached, or of the next one.
    pub(crate) fn step(&mut self, state: &Outcome) -> Result<(), String> {
        if self.is(0, state) {
            return Ok(());
        }
        // States that repeat, as those of a jump to itself, are one.
        while self.native.points.get(self.at + 1).is_some_and(|next| self.is(0, next)) {
            self.at += 1;
        }
        if let Some(ahead) = (1..=self.jumps_ahead() + 1).find(|ahead| self.is(*ahead, state)) {
            self.at += ahead;
            return Ok(());
        }
        let now = self.difference(0, state);
        Err(format!("neither the native state:\n{now}nor the next:\n{}", self.difference(1, state)))
    }

    fn is(&self, ahead: usize, state: &Outcome) -> bool {
        let point = self.native.points.get(self.at + ahead);
        point.is_some_and(|point| self.judge.same_registers(point, state))
    }

    fn difference(&self, ahead: usize, state: &Outcome) -> String {
        let point = self.native.points.get(self.at + ahead);
        point.map_or("(the end)\n".to_owned(), |point| self.judge.changes(point, state))
    }

    /// How many jumps the next instruction leads to. They are carried out with it: no code stands for them.
    fn jumps_ahead(&self) -> usize {
        (1..).take_while(|ahead| self.jumps(*ahead)).count()
    }

    /// Whether nothing but rip changes between the point that far ahead and the next.
    fn jumps(&self, ahead: usize) -> bool {
        let at = self.at + ahead;
        let Some([jump, target]) = self.native.points.get(at..at + 2) else { return false };
        let mut jumped = jump.gpr;
        jumped.rip = target.gpr.rip;
        jumped == target.gpr
    }

    /// The native run was ended here by its limit: who goes on may come to where it has not been.
    pub(crate) fn is_cut_off(&self) -> bool {
        let seen = || self.at + self.jumps_ahead() + 3 <= self.native.points.len();
        self.native.end == Stop::Limit && !seen()
    }

    /// The native run goes on from here as from its end.
    pub(crate) fn is_over(&self) -> bool {
        let now = &self.native.points[self.at];
        self.native.points[self.at..].iter().all(|point| self.judge.same_registers(point, now))
    }

    /// Whether the state is the last one; flags of a counter are not looked at behind a signal.
    pub(crate) fn is_end(&self, state: &Outcome) -> bool {
        let left = self.native.end == Stop::Left;
        let flags = if left { Flags::Exact } else { self.judge.flags };
        let judge = Judge { flags, ..self.judge };
        self.native.points.last().is_some_and(|last| judge.same_registers(last, state))
    }
}
