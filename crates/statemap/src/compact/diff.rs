//! The steps from one site's state to the next, as few bytes as they take.

use alloc::vec::Vec;

use crate::compact::ops;
use crate::compact::site::{Operand, Place, SiteState};

/// A compiler's register cache as the builder asks for it. A [`SiteState`] is one.
pub trait SiteView {
    /// Operands on the stack.
    fn operand_count(&self) -> u32;

    /// So many operands from the bottom are as they were at the site before (of the same function),
    /// place included. 0 is always right; a compiler that keeps count saves the comparison.
    fn unchanged_operands(&self) -> u32 {
        0
    }

    /// An operand; 0 is the bottom, `index` is below [`operand_count`](Self::operand_count).
    fn operand(&self, index: u32) -> Operand;

    /// Locals that are not at home, by index.
    fn locals(&self) -> &[(u32, Place)];
}

impl SiteView for SiteState {
    fn operand_count(&self) -> u32 {
        self.operands.len() as u32
    }

    fn operand(&self, index: u32) -> Operand {
        self.operands[index as usize]
    }

    fn locals(&self) -> &[(u32, Place)] {
        &self.locals
    }
}

/// Appends the steps that make the locals not at home those of `now`; how many steps that is.
pub(super) fn locals(recorded: &mut SiteState, now: &[(u32, Place)], out: &mut Vec<u8>) -> u32 {
    if recorded.locals == now {
        return 0;
    }
    let steps = if now.is_empty() {
        ops::locals_home(out);
        1
    } else {
        merge(&recorded.locals, now, out)
    };
    recorded.locals.clear();
    recorded.locals.extend_from_slice(now);
    steps
}

/// What becomes of the operands that were recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Plan {
    /// So many from the bottom stay; the others are popped.
    pub(super) keep: u32,
    /// Those that stay are brought home: one step for all of them.
    spilled: bool,
}

/// How few operands can be popped and pushed.
pub(super) fn plan(recorded: &[Operand], view: &impl SiteView) -> Plan {
    let both = view.operand_count().min(recorded.len() as u32);
    let first = view.unchanged_operands().min(both);
    let now = |index: &u32| view.operand(*index);
    let same = first + (first..both).take_while(|i| now(i) == recorded[*i as usize]).count() as u32;
    let brought_home = |i: &u32| now(i) == Operand { place: Place::Home, ..recorded[*i as usize] };
    let home = same + (same..both).take_while(brought_home).count() as u32;
    let spilled = home > same && recorded[..same as usize].iter().all(|o| o.place == Place::Home);
    Plan { keep: if spilled { home } else { same }, spilled }
}

/// Appends the steps that make the operands those of `view`; how many steps that is.
pub(super) fn operands(recorded: &mut SiteState, view: &impl SiteView, plan: Plan, out: &mut Vec<u8>) -> u32 {
    let recorded = &mut recorded.operands;
    let mut steps = ops::pop(out, recorded.len() as u32 - plan.keep);
    recorded.truncate(plan.keep as usize);
    if plan.spilled {
        ops::operands_home(out);
        recorded.iter_mut().for_each(|operand| operand.place = Place::Home);
        steps += 1;
    }
    for index in plan.keep..view.operand_count() {
        let operand = view.operand(index);
        ops::push(out, operand);
        recorded.push(operand);
        steps += 1;
    }
    steps
}

/// The steps from one list of locals to the other, both by index.
fn merge(before: &[(u32, Place)], now: &[(u32, Place)], out: &mut Vec<u8>) -> u32 {
    let (mut old, mut new, mut steps) = (before, now, 0);
    loop {
        let [first_old, first_new] = [old.first(), new.first()].map(|entry| entry.map_or(u32::MAX, |e| e.0));
        let Some(&(local, place)) = (if first_new <= first_old { new.first() } else { old.first() }) else {
            return steps;
        };
        if first_old < first_new {
            ops::local(out, local, Place::Home);
            (old, steps) = (&old[1..], steps + 1);
            continue;
        }
        let known = first_old == first_new;
        let zeros = if known { 0 } else { leading_zeros(new, first_old) };
        if zeros > 1 {
            ops::zeros(out, local, zeros);
            (new, steps) = (&new[zeros as usize..], steps + 1);
            continue;
        }
        if !(known && old[0].1 == place) {
            ops::local(out, local, place);
            steps += 1;
        }
        (old, new) = (&old[usize::from(known)..], &new[1..]);
    }
}

/// How many neighbours from the first on are zero, below the local `end`.
fn leading_zeros(locals: &[(u32, Place)], end: u32) -> u32 {
    let first = locals[0].0;
    let run = (first..end)
        .zip(locals)
        .take_while(|(index, (local, place))| local == index && *place == Place::Constant(0));
    run.count() as u32
}
