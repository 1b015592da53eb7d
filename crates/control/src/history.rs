//! Programs that were loaded, the current one first.

use std::collections::VecDeque;

use midstride_asm::Gpr;

use crate::chain::{CodeMap, Placed};
use crate::point::{CodePoint, ExitKind, ExitPoint};
use crate::program::Program;

/// Programs that are remembered after they were replaced, so that addresses of their code lead somewhere.
const REMEMBERED: usize = 16;

/// A program that was placed somewhere.
pub(crate) trait Generation {
    fn placed(&self) -> Placed<'_>;
}

/// The programs of one controller.
pub(crate) struct History<G> {
    generations: VecDeque<G>,
}

/// What an address means now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) point: CodePoint,
    /// A register that is in the first slot instead.
    pub(crate) lost: Option<Gpr>,
    pub(crate) age: Age,
}

/// Whose address it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Age {
    /// The current program's.
    Current,
    /// A replaced program's.
    Replaced,
    /// No program's.
    Foreign,
}

impl<G: Generation> History<G> {
    pub(crate) fn new() -> Self {
        Self { generations: VecDeque::new() }
    }

    pub(crate) fn current(&self) -> Option<&G> {
        self.generations.front()
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut G> {
        self.generations.front_mut()
    }

    /// The program that is loaded.
    pub(crate) fn program(&self) -> Option<&Program> {
        Some(self.current()?.placed().program)
    }

    pub(crate) fn map(&self) -> Option<&CodeMap> {
        Some(self.current()?.placed().map)
    }

    /// Makes a program the current one; gives back one that is forgotten for it.
    pub(crate) fn push(&mut self, generation: G) -> Option<G> {
        self.generations.push_front(generation);
        if self.generations.len() > REMEMBERED { self.generations.pop_back() } else { None }
    }

    /// Forgets all programs.
    pub(crate) fn clear(&mut self) {
        self.generations.clear();
    }

    /// Where a program at `point` goes on when `new` becomes the current one.
    pub(crate) fn moved(&self, point: CodePoint, new: &G) -> CodePoint {
        self.current().map_or(point, |current| current.placed().moved(point, &new.placed()))
    }

    pub(crate) fn find(&self, pc: u64) -> Found {
        for (age, generation) in self.generations.iter().enumerate() {
            let Some(spot) = generation.placed().map.locate(pc) else { continue };
            return match (age, self.current()) {
                (1.., Some(current)) => {
                    let point = generation.placed().moved(spot.point, &current.placed());
                    Found { point, lost: spot.lost, age: Age::Replaced }
                }
                _ => Found { point: spot.point, lost: spot.lost, age: Age::Current },
            };
        }
        Found { point: CodePoint::Outside(pc), lost: None, age: Age::Foreign }
    }

    pub(crate) fn address_of(&self, point: CodePoint) -> Option<u64> {
        match point {
            CodePoint::Outside(pc) => Some(pc),
            point => self.map()?.address(point),
        }
    }

    /// Where an exit leads now; the exit itself if nowhere.
    pub(crate) fn behind(&self, exit: ExitPoint) -> CodePoint {
        self.map().map_or(CodePoint::Exit(exit), |map| map.follow(exit.insn, exit.kind))
    }

    /// Where control is behind an instruction that is done.
    pub(crate) fn next(&self, insn: crate::program::InsnId) -> CodePoint {
        self.behind(ExitPoint { insn, kind: ExitKind::Next })
    }
}
