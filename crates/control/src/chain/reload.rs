//! What a code point becomes when the program is replaced.

use super::map::CodeMap;
use crate::point::{CodePoint, ExitKind, ExitPoint};
use crate::program::{InsnId, Program};

/// A program and where its code is.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'p> {
    /// The program.
    pub program: &'p Program,
    /// What [`assemble`](crate::assemble) said of it.
    pub map: &'p CodeMap,
}

impl Placed<'_> {
    /// The point of `new` at which a program goes on that was at `point` of this one: the same one when its
    /// instruction is kept, else in front of the next one in the old order that is, else an exit.
    #[must_use]
    pub fn moved(&self, point: CodePoint, new: &Self) -> CodePoint {
        match point {
            CodePoint::At(id) => self.survivor(id, new),
            CodePoint::Inside { insn, .. } => match self.is_same(insn, new) {
                true => point,
                false => self.survivor(insn, new),
            },
            _ => point,
        }
    }

    fn survivor(&self, id: InsnId, new: &Self) -> CodePoint {
        let exists = |id| new.program.index_of(id).is_some();
        let gone = CodePoint::Exit(ExitPoint { insn: id, kind: ExitKind::Body });
        self.map.survivor(id, exists).map_or(gone, CodePoint::At)
    }

    fn is_same(&self, id: InsnId, new: &Self) -> bool {
        let (old, new) = (self.program.node(id), new.program.node(id));
        old.zip(new).is_some_and(|(old, new)| old.same_code(new))
    }
}
