//! What a code point becomes when the program is replaced.

use super::map::CodeMap;
use crate::point::{CodePoint, ExitKind, ExitPoint};
use crate::program::{InsnId, Program};

/// A program and its code.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'p> {
    pub(crate) program: &'p Program,
    pub(crate) map: &'p CodeMap,
}

impl Placed<'_> {
    /// The point of `new` at which a program goes on that was at `point` of this one.
    pub(crate) fn moved(&self, point: CodePoint, new: &Self) -> CodePoint {
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
