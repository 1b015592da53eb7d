//! Programs: instructions with identity, linked by edges.

mod error;
mod node;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use iced_x86::{Encoder, Instruction};
use midstride_addr::AppPc;
use midstride_relocate::{DecodeError, Insn, MAX_INSN_BYTES, decode};

pub use error::ProgramError;
use node::Code;
pub use node::Node;

/// Who an instruction is, across [reloads](crate::Controller::load). The number is the user's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InsnId(u32);

impl InsnId {
    /// The identity with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for InsnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:x}", self.0)
    }
}

impl fmt::Debug for InsnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which way control leaves an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Edge {
    /// To what comes behind it; for a call, where it returns to.
    Next,
    /// To where a direct branch or call goes.
    Jump,
}

/// A graph of instructions.
///
/// Each instruction has at most one [`Edge::Next`] and one [`Edge::Jump`]. Where an edge is missing and
/// control takes it, the program exits. Displacements of direct branches mean nothing: the edge says where
/// they go. Operands relative to rip mean the address they have at the pc the instruction was given with.
///
/// ```
/// use midstride_control::{Edge, InsnId, Program};
///
/// // again: dec ecx; jnz again
/// let (dec, jnz) = (InsnId::new(1), InsnId::new(2));
/// let mut program = Program::new();
/// program.insert(dec, &[0xff, 0xc9])?;
/// program.insert(jnz, &[0x75, 0x00])?;
/// program.link(dec, Edge::Next, Some(jnz))?;
/// program.link(jnz, Edge::Jump, Some(dec))?;
///
/// // The same, from code: identities are offsets.
/// let same = Program::from_code(&[0xff, 0xc9, 0x75, 0xfc], Default::default());
/// assert_eq!(same.node(InsnId::new(2)).unwrap().jump(), Some(InsnId::new(0)));
/// # Ok::<(), midstride_control::ProgramError>(())
/// ```
#[derive(Clone, Default)]
pub struct Program {
    nodes: Vec<Node>,
    index: BTreeMap<InsnId, u32>,
}

impl Program {
    /// A program without instructions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The instructions of `code`, which stands at `pc`, each with its offset as identity. Branches inside
    /// of it become edges. Bytes that are no instruction become one, of all bytes up to the end or the
    /// longest instruction there could be; so do the bytes of a cut-off one.
    #[must_use]
    pub fn from_code(code: &[u8], pc: AppPc) -> Self {
        let mut program = Self::new();
        let mut at = 0;
        while at < code.len() {
            let node = Node::read(InsnId(at as u32), &code[at..], pc.add(at as u64));
            at += node.bytes().len();
            program.add(node);
        }
        program.link_by_address(pc);
        program
    }

    /// Adds an instruction from its bytes. What the decoder does not know is taken as it is, in one piece.
    ///
    /// # Errors
    /// [`ProgramError::Duplicate`]; [`ProgramError::NotOne`] when the bytes are empty, too many, or more or
    /// less than one instruction.
    pub fn insert(&mut self, id: InsnId, bytes: &[u8]) -> Result<(), ProgramError> {
        self.insert_at(id, bytes, AppPc::new(0))
    }

    /// As [`insert`](Self::insert), for an instruction that stands at `pc`: operands relative to rip mean
    /// the address they have there.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub fn insert_at(&mut self, id: InsnId, bytes: &[u8], pc: AppPc) -> Result<(), ProgramError> {
        let wrong = ProgramError::NotOne { id, bytes: bytes.len() };
        if bytes.is_empty() || bytes.len() > MAX_INSN_BYTES {
            return Err(wrong);
        }
        let code = match decode(bytes, pc) {
            Ok(insn) if insn.len() == bytes.len() => Code::Known(insn),
            Ok(_) | Err(DecodeError::Truncated { .. }) => return Err(wrong),
            Err(_) => Code::opaque(bytes),
        };
        self.insert_node(Node::new(id, code))
    }

    /// Adds an instruction as iced describes it. Its `ip` is where it stands.
    ///
    /// # Errors
    /// [`ProgramError::Duplicate`]; [`ProgramError::NotEncodable`].
    pub fn insert_iced(&mut self, id: InsnId, insn: &Instruction) -> Result<(), ProgramError> {
        let mut encoder = Encoder::new(64);
        let failed = ProgramError::NotEncodable { id };
        encoder.encode(insn, insn.ip()).map_err(|_| failed)?;
        self.insert_at(id, &encoder.take_buffer(), AppPc::new(insn.ip()))
    }

    /// Adds an instruction that was decoded already.
    ///
    /// # Errors
    /// [`ProgramError::Duplicate`].
    pub fn insert_insn(&mut self, id: InsnId, insn: Insn) -> Result<(), ProgramError> {
        self.insert_node(Node::new(id, Code::Known(insn)))
    }

    /// Sets or removes an edge.
    ///
    /// # Errors
    /// [`ProgramError::Unknown`] when one of the two is not in the program;
    /// [`ProgramError::NoSuchEdge`] for a jump from an instruction that is no direct branch or call.
    pub fn link(&mut self, from: InsnId, edge: Edge, to: Option<InsnId>) -> Result<(), ProgramError> {
        if let Some(id) = to.filter(|id| self.index_of(*id).is_none()) {
            return Err(ProgramError::Unknown { id });
        }
        let index = self.index_of(from).ok_or(ProgramError::Unknown { id: from })?;
        let node = &mut self.nodes[index as usize];
        if edge == Edge::Jump && to.is_some() && !node.can_jump() {
            return Err(ProgramError::NoSuchEdge { id: from });
        }
        node.set(edge, to);
        Ok(())
    }

    /// Takes an instruction out, and all edges to it.
    ///
    /// # Errors
    /// [`ProgramError::Unknown`].
    pub fn remove(&mut self, id: InsnId) -> Result<(), ProgramError> {
        let index = self.index_of(id).ok_or(ProgramError::Unknown { id })?;
        self.nodes.remove(index as usize);
        self.nodes.iter_mut().for_each(|node| node.forget(id));
        self.index = (0..).zip(&self.nodes).map(|(index, node)| (node.id(), index)).collect();
        Ok(())
    }

    /// An instruction.
    #[must_use]
    pub fn node(&self, id: InsnId) -> Option<&Node> {
        Some(&self.nodes[self.index_of(id)? as usize])
    }

    /// All instructions, in order of insertion.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The place of an instruction among [`nodes`](Self::nodes).
    pub(crate) fn index_of(&self, id: InsnId) -> Option<u32> {
        self.index.get(&id).copied()
    }

    fn insert_node(&mut self, node: Node) -> Result<(), ProgramError> {
        if self.index.contains_key(&node.id()) {
            return Err(ProgramError::Duplicate { id: node.id() });
        }
        self.add(node);
        Ok(())
    }

    fn add(&mut self, node: Node) {
        self.index.insert(node.id(), self.nodes.len() as u32);
        self.nodes.push(node);
    }

    /// Edges between nodes whose identities are offsets from `pc`.
    fn link_by_address(&mut self, pc: AppPc) {
        let known = |offset: u64| u32::try_from(offset).ok().map(InsnId);
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let behind = known(u64::from(node.id().0) + node.bytes().len() as u64);
            let target = node.target().and_then(|target| known(target.get().wrapping_sub(pc.get())));
            let next = behind.filter(|id| !node.ends_path() && self.index.contains_key(id));
            let jump = target.filter(|id| self.index.contains_key(id));
            self.nodes[index].set(Edge::Next, next);
            self.nodes[index].set(Edge::Jump, jump);
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.nodes).finish()
    }
}

#[cfg(test)]
mod tests;
