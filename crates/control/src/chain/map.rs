//! From addresses to instructions and back.

use alloc::vec::Vec;

use midstride_addr::CachePc;
use midstride_asm::Gpr;
use midstride_relocate::Flow;

use crate::point::{CodePoint, ExitKind, ExitPoint};
use crate::program::{InsnId, Node, Program};

/// What stands where in the code of a program. Knows the program's edges too, so that it outlives it.
#[derive(Clone, Debug)]
pub struct CodeMap {
    origin: CachePc,
    len: u32,
    /// Ascending, without gaps.
    pub(crate) pieces: Vec<Piece>,
    nodes: Vec<NodePlace>,
    exits: Vec<ExitPlace>,
    /// Indices of nodes, by ascending identity.
    by_id: Vec<u32>,
}

/// A piece of code that belongs to one instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    pub(crate) start: u32,
    pub(crate) what: PieceKind,
    pub(crate) phases: Phases,
}

/// What a piece of code is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PieceKind {
    /// An instruction.
    Insn(InsnId),
    /// A jump to an instruction that stands elsewhere.
    Glue(InsnId),
    /// An exit point.
    Exit(ExitPoint),
}

/// The inner boundaries of a copied instruction, in bytes from the piece's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Phases {
    /// Where the instruction itself starts; in front of it, it has not begun.
    pub(crate) body: u8,
    /// From where on it is done and goes to its next one.
    pub(crate) done: u8,
    /// From where on it is done and jumps.
    pub(crate) taken: u8,
    /// The register whose value is in the slot everywhere but at the start.
    pub(crate) lost: Option<Gpr>,
}

impl Phases {
    /// An instruction of one piece.
    pub(crate) const PLAIN: Self = Self { body: 0, done: u8::MAX, taken: u8::MAX, lost: None };

    /// With the instruction done where its bytes end: what follows is padding.
    pub(crate) fn padded(self, end: u8) -> Self {
        Self { done: self.done.min(end), ..self }
    }
}

#[derive(Clone, Copy, Debug)]
struct NodePlace {
    id: InsnId,
    /// Where control goes when the instruction is done; for a jump that is where it jumps.
    next: Option<InsnId>,
    jump: Option<InsnId>,
    piece: u32,
}

#[derive(Clone, Copy, Debug)]
struct ExitPlace {
    point: ExitPoint,
    piece: u32,
}

/// What an address of the code means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    /// Where the program is.
    pub point: CodePoint,
    /// The register whose value is in the slot instead.
    pub lost: Option<Gpr>,
}

impl Spot {
    fn new(point: CodePoint, lost: Option<Gpr>) -> Self {
        Self { point, lost }
    }
}

impl CodeMap {
    pub(crate) fn new(origin: CachePc, len: u32, program: &Program, exits: &[ExitPoint]) -> Self {
        let nodes: Vec<NodePlace> = program.nodes().iter().map(NodePlace::new).collect();
        let mut by_id: Vec<u32> = (0..nodes.len() as u32).collect();
        by_id.sort_unstable_by_key(|index| nodes[*index as usize].id);
        let exits = exits.iter().map(|point| ExitPlace { point: *point, piece: 0 }).collect();
        Self { origin, len, pieces: Vec::new(), nodes, exits, by_id }
    }

    pub(crate) fn place_node(&mut self, node: u32, start: u32, phases: Phases) {
        self.nodes[node as usize].piece = self.pieces.len() as u32;
        let what = PieceKind::Insn(self.nodes[node as usize].id);
        self.pieces.push(Piece { start, what, phases });
    }

    pub(crate) fn place_glue(&mut self, to: u32, start: u32) {
        let what = PieceKind::Glue(self.nodes[to as usize].id);
        self.pieces.push(Piece { start, what, phases: Phases::PLAIN });
    }

    pub(crate) fn place_exit(&mut self, exit: u32, start: u32) {
        self.exits[exit as usize].piece = self.pieces.len() as u32;
        let what = PieceKind::Exit(self.exits[exit as usize].point);
        self.pieces.push(Piece { start, what, phases: Phases::PLAIN });
    }

    /// Address of the first byte.
    #[must_use]
    pub fn origin(&self) -> CachePc {
        self.origin
    }

    /// Bytes of code.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        self.len.into()
    }

    /// Whether an address lies in the code.
    #[must_use]
    pub fn contains(&self, pc: u64) -> bool {
        pc.wrapping_sub(self.origin.get()) < u64::from(self.len)
    }

    /// The pieces of the code: address and meaning, ascending.
    pub fn pieces(&self) -> impl Iterator<Item = (CachePc, PieceKind)> {
        self.pieces.iter().map(|piece| (self.origin.add(piece.start.into()), piece.what))
    }

    /// The exit points, by number.
    pub fn exits(&self) -> impl ExactSizeIterator<Item = ExitPoint> {
        self.exits.iter().map(|exit| exit.point)
    }

    /// What the address means; `None` outside of the code.
    #[must_use]
    pub fn locate(&self, pc: u64) -> Option<Spot> {
        if !self.contains(pc) {
            return None;
        }
        let offset = (pc - self.origin.get()) as u32;
        let piece = self.pieces[self.pieces.partition_point(|piece| piece.start <= offset) - 1];
        Some(match piece.what {
            PieceKind::Glue(id) => Spot::new(CodePoint::At(id), None),
            PieceKind::Exit(exit) => Spot::new(CodePoint::Exit(exit), None),
            PieceKind::Insn(id) => self.inside(id, piece.phases, offset - piece.start),
        })
    }

    fn inside(&self, id: InsnId, phases: Phases, offset: u32) -> Spot {
        let lost = phases.lost.filter(|_| offset != 0);
        let point = match offset {
            at if at >= phases.taken.into() => self.follow(id, ExitKind::Jump),
            at if at >= phases.done.into() => self.follow(id, ExitKind::Next),
            at if at <= phases.body.into() => CodePoint::At(id),
            at => CodePoint::Inside { insn: id, offset: (at - u32::from(phases.body)) as u8 },
        };
        Spot::new(point, lost)
    }

    /// Where control is when it left an instruction by its next edge or its jump.
    pub(crate) fn follow(&self, id: InsnId, kind: ExitKind) -> CodePoint {
        let node = self.node(id);
        let to = match kind {
            ExitKind::Next => node.and_then(|node| node.next),
            ExitKind::Jump => node.and_then(|node| node.jump),
            ExitKind::Body => None,
        };
        to.map_or(CodePoint::Exit(ExitPoint { insn: id, kind }), CodePoint::At)
    }

    /// The address that means `point`; `None` when the code has none.
    #[must_use]
    pub fn address(&self, point: CodePoint) -> Option<u64> {
        let (piece, offset) = match point {
            CodePoint::Outside(pc) => return Some(pc),
            CodePoint::Nowhere => return None,
            CodePoint::At(id) => (self.node(id)?.piece, 0),
            CodePoint::Inside { insn, offset } => {
                let piece = self.node(insn)?.piece;
                (piece, u64::from(self.pieces[piece as usize].phases.body) + u64::from(offset))
            }
            CodePoint::Exit(exit) => (self.exits.iter().find(|place| place.point == exit)?.piece, 0),
        };
        Some(self.start_of(piece) + offset)
    }

    /// The address behind an instruction: what a call pushes.
    #[must_use]
    pub fn address_behind(&self, id: InsnId) -> Option<u64> {
        let piece = self.node(id)?.piece + 1;
        let end = self.origin.get() + u64::from(self.len);
        Some(if (piece as usize) < self.pieces.len() { self.start_of(piece) } else { end })
    }

    /// Whether an instruction was copied as one instruction.
    #[cfg(feature = "std")]
    pub(crate) fn is_one_piece(&self, id: InsnId) -> bool {
        self.node(id).is_some_and(|node| self.pieces[node.piece as usize].phases.lost.is_none())
    }

    /// The instruction that control gets to from `id` by next edges and that `exists`.
    pub(crate) fn survivor(&self, id: InsnId, exists: impl Fn(InsnId) -> bool) -> Option<InsnId> {
        let mut at = Some(id);
        // A circle of removed instructions has at most as many members as there are nodes.
        for _ in 0..=self.nodes.len() {
            match at {
                Some(id) if exists(id) => return Some(id),
                Some(id) => at = self.node(id)?.next,
                None => return None,
            }
        }
        None
    }

    fn start_of(&self, piece: u32) -> u64 {
        self.origin.get() + u64::from(self.pieces[piece as usize].start)
    }

    fn node(&self, id: InsnId) -> Option<&NodePlace> {
        let found = self.by_id.binary_search_by_key(&id, |index| self.nodes[*index as usize].id).ok()?;
        Some(&self.nodes[self.by_id[found] as usize])
    }
}

impl NodePlace {
    fn new(node: &Node) -> Self {
        let next = match node.flow() {
            Flow::Jump { .. } => node.jump(),
            flow if flow.ends_path() => None,
            _ => node.next(),
        };
        Self { id: node.id(), next, jump: node.jump(), piece: 0 }
    }
}
