//! Arguments on the way to where a callee expects them.

use midstride_asm::{Width, Xmm};

use super::frame::Frame;
use super::function::Function;
use super::pins::{Arrival, arrivals};
use super::regs::{ARG_GPRS, ARG_XMMS, SCRATCH_X};
use super::values::Source;
use crate::types::ValType;

/// The most arguments that can be in registers of one file.
const MOST: usize = if ARG_GPRS > ARG_XMMS { ARG_GPRS } else { ARG_XMMS };

impl Function<'_, '_> {
    /// Copies the operands from height `first` on to where a function with these parameters expects them.
    pub(super) fn place_args(&mut self, params: &[ValType], first: usize) {
        let (mut gprs, mut xmms) = (Moves::default(), Moves::default());
        for (height, arrival) in (first..).zip(arrivals(params)) {
            let (entry, home) = (self.stack[height], self.frame.operand(height));
            match (arrival, self.resolve(entry.loc, home)) {
                (Arrival::Memory(n), _) => {
                    self.outgoing = self.outgoing.max(16 * (n + 1));
                    self.copy_home(entry, home, Frame::outgoing(n));
                }
                (Arrival::Gpr(to), Source::Gpr(from)) => gprs.push(to, from),
                (Arrival::Xmm(to), Source::Xmm(from)) => xmms.push(to, from),
                _ => {}
            }
        }
        self.move_gprs(gprs);
        self.move_xmms(xmms);
        self.load_args(params, first);
    }

    /// Loads the arguments that are in no register into theirs, when all others are in place.
    fn load_args(&mut self, params: &[ValType], first: usize) {
        for (height, arrival) in (first..).zip(arrivals(params)) {
            let (entry, home) = (self.stack[height], self.frame.operand(height));
            match (arrival, self.resolve(entry.loc, home)) {
                (Arrival::Memory(_), _)
                | (Arrival::Gpr(_), Source::Gpr(_))
                | (Arrival::Xmm(_), Source::Xmm(_)) => {}
                (Arrival::Gpr(to), _) => self.move_to_gpr(entry, home, to),
                (Arrival::Xmm(to), _) => self.move_to_xmm(entry, home, to),
            }
        }
    }

    fn move_gprs(&mut self, mut moves: Moves<midstride_asm::Gpr>) {
        while let Some((step, from)) = moves.next() {
            match step {
                Step::Move(to) => self.w.mov_rr(Width::W64, to, from),
                Step::Exchange(to) => self.w.xchg_rr(Width::W64, to, from),
            }
        }
    }

    fn move_xmms(&mut self, mut moves: Moves<Xmm>) {
        while let Some((step, from)) = moves.next() {
            match step {
                Step::Move(to) => self.w.movaps_xx(to, from),
                Step::Exchange(to) => {
                    self.w.movaps_xx(SCRATCH_X, to);
                    self.w.movaps_xx(to, from);
                    self.w.movaps_xx(from, SCRATCH_X);
                }
            }
        }
    }
}

/// Moves between registers (to, from) that happen at once.
#[derive(Clone, Copy)]
struct Moves<R> {
    pairs: [Option<(R, R)>; MOST],
    len: usize,
}

impl<R: Copy> Default for Moves<R> {
    fn default() -> Self {
        Self { pairs: [None; MOST], len: 0 }
    }
}

/// What to do for one of several moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step<R> {
    Move(R),
    /// A circle: both registers get the other's value.
    Exchange(R),
}

impl<R: Copy + PartialEq> Moves<R> {
    fn push(&mut self, to: R, from: R) {
        if to != from && self.len < MOST {
            self.pairs[self.len] = Some((to, from));
            self.len += 1;
        }
    }

    fn take(&mut self, index: usize) -> Option<(R, R)> {
        self.len = self.len.checked_sub(1)?;
        self.pairs.swap(index, self.len);
        self.pairs[self.len].take()
    }

    fn is_read(&self, register: R) -> bool {
        self.pairs[..self.len].iter().flatten().any(|&(_, from)| from == register)
    }

    /// The next move that overwrites nothing needed, or part of a circle.
    fn next(&mut self) -> Option<(Step<R>, R)> {
        let harmless = |pair: &Option<(R, R)>| pair.is_some_and(|(to, _)| !self.is_read(to));
        if let Some(index) = self.pairs[..self.len].iter().position(harmless) {
            return self.take(index).map(|(to, from)| (Step::Move(to), from));
        }
        let (to, from) = self.take(self.len.checked_sub(1)?)?;
        for (_, other) in self.pairs[..self.len].iter_mut().flatten() {
            if *other == to {
                *other = from;
            } else if *other == from {
                *other = to;
            }
        }
        // Whoever got its value by the exchange is done.
        let waiting = std::mem::take(self);
        waiting.pairs[..waiting.len].iter().flatten().for_each(|&(to, from)| self.push(to, from));
        Some((Step::Exchange(to), from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries the moves out on registers that hold their own numbers.
    fn carried_out(pairs: &[(u8, u8)]) -> [u8; 8] {
        let mut registers = std::array::from_fn(|number| number as u8);
        let mut moves = Moves::default();
        pairs.iter().for_each(|&(to, from)| moves.push(to, from));
        while let Some((step, from)) = moves.next() {
            match step {
                Step::Move(to) => registers[usize::from(to)] = registers[usize::from(from)],
                Step::Exchange(to) => registers.swap(usize::from(to), usize::from(from)),
            }
        }
        registers
    }

    #[test]
    fn chains_are_moved_from_their_end() {
        assert_eq!(carried_out(&[(0, 1), (1, 2), (2, 3)])[..4], [1, 2, 3, 3]);
        assert_eq!(carried_out(&[(3, 2), (2, 1), (1, 1)])[..4], [0, 1, 1, 2]);
    }

    #[test]
    fn circles_are_exchanged() {
        assert_eq!(carried_out(&[(0, 1), (1, 0)])[..2], [1, 0]);
        assert_eq!(carried_out(&[(0, 1), (1, 2), (2, 0), (3, 2)])[..4], [1, 2, 0, 2]);
        assert_eq!(carried_out(&[(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 4)])[..6], [1, 2, 3, 0, 5, 4]);
    }
}
