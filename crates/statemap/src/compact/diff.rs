//! The steps from one site's state to the next, as few bytes as they take.

use alloc::vec::Vec;

use crate::compact::ops;
use crate::compact::site::{Operand, Place, SiteState};

/// What became of locals since the site before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LocalChanges<'a> {
    /// The builder is to find out.
    Unknown,
    /// Nothing.
    None,
    /// All are at home now, and some were not.
    AllHome,
    /// These have another place now, at home or elsewhere; each is listed once.
    These(&'a [(u32, Place)]),
}

/// A compiler's register cache as the builder asks for it. A [`SiteState`] is one.
pub trait SiteView {
    /// Operands on the stack.
    fn operand_count(&self) -> u32;

    /// So many operands from the bottom are as they were at the site before (of the same function),
    /// place included. 0 is always right; a compiler that keeps count saves the comparison.
    fn unchanged_operands(&self) -> u32 {
        0
    }

    /// How the locals differ from those at the site before (of the same function). Whoever keeps count
    /// saves the comparison, but has to keep it at all sites of a function.
    fn local_changes(&self) -> LocalChanges<'_> {
        LocalChanges::Unknown
    }

    /// An operand; 0 is the bottom, `index` is below [`operand_count`](Self::operand_count).
    fn operand(&self, index: u32) -> Operand;

    /// Locals that are not at home, by index. Of a view that knows its
    /// [changes](Self::local_changes) it is asked only where
    /// [`CompactMapBuilder::wants_all`](crate::CompactMapBuilder::wants_all) says so.
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

/// Appends the steps that make the locals not at home those of `now`, which are others than those
/// recorded; how many steps that is.
pub(super) fn locals(recorded: &mut SiteState, now: &[(u32, Place)], out: &mut Vec<u8>) -> u32 {
    let steps = if now.is_empty() { all_home(out) } else { merge(&recorded.locals, now, out) };
    recorded.locals.clear();
    recorded.locals.extend_from_slice(now);
    steps
}

/// Appends the step that brings all locals home; how many steps that is.
#[inline]
pub(super) fn all_home(out: &mut Vec<u8>) -> u32 {
    ops::locals_home(out);
    1
}

/// Appends the steps of single locals; how many steps that is.
#[inline]
pub(super) fn these(changes: &[(u32, Place)], out: &mut Vec<u8>) -> u32 {
    changes.iter().for_each(|&(local, place)| ops::local(out, local, place));
    changes.len() as u32
}

/// What becomes of the operands that were recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Plan {
    /// So many from the bottom stay; the others are popped.
    pub(super) keep: u32,
    /// Those that stay are brought home: one step for all of them.
    spilled: bool,
}

/// How few operands can be popped and pushed. The first `unchanged` are as recorded, the others `now`.
#[inline]
pub(super) fn plan(recorded: &[Operand], unchanged: u32, now: &[Operand]) -> Plan {
    let changed = &recorded[unchanged as usize..];
    let same = changed.iter().zip(now).take_while(|(old, new)| old == new).count();
    let keep = unchanged + same as u32;
    let brought_home = |(old, new): &(&Operand, &Operand)| **new == Operand { place: Place::Home, ..**old };
    let spilled = changed[same..].iter().zip(&now[same..]).take_while(brought_home).count();
    if spilled == 0 || !all_at_home(&recorded[..keep as usize]) {
        return Plan { keep, spilled: false };
    }
    Plan { keep: keep + spilled as u32, spilled: true }
}

fn all_at_home(operands: &[Operand]) -> bool {
    operands.iter().all(|operand| operand.place == Place::Home)
}

/// Appends the steps that drop the operands that are not kept and push those of `pushed`; how many
/// steps that is.
#[inline]
pub(super) fn operands(
    recorded: &mut Vec<Operand>,
    plan: Plan,
    pushed: &[Operand],
    out: &mut Vec<u8>,
) -> u32 {
    let mut steps = ops::pop(out, recorded.len() as u32 - plan.keep);
    recorded.truncate(plan.keep as usize);
    if plan.spilled {
        ops::operands_home(out);
        recorded.iter_mut().for_each(|operand| operand.place = Place::Home);
        steps += 1;
    }
    for &operand in pushed {
        ops::push(out, operand);
        recorded.push(operand);
    }
    steps + pushed.len() as u32
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
