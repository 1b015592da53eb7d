//! One instruction of a program.

use core::fmt;

use midstride_addr::AppPc;
use midstride_relocate::{Flow, Insn, MAX_INSN_BYTES, decode};

use super::{Edge, InsnId};

/// An instruction and where control goes from it.
#[derive(Clone, Copy)]
pub struct Node {
    id: InsnId,
    code: Code,
    next: Option<InsnId>,
    jump: Option<InsnId>,
}

/// What an instruction is.
#[derive(Clone, Copy)]
pub(crate) enum Code {
    /// One the decoder knows.
    Known(Insn),
    /// Any other bytes.
    Opaque { bytes: [u8; MAX_INSN_BYTES], len: u8 },
}

impl Code {
    /// Up to 15 bytes as they are.
    pub(crate) fn opaque(code: &[u8]) -> Self {
        let len = code.len().min(MAX_INSN_BYTES);
        let mut bytes = [0; MAX_INSN_BYTES];
        bytes[..len].copy_from_slice(&code[..len]);
        Self::Opaque { bytes, len: len as u8 }
    }
}

impl Node {
    pub(crate) fn new(id: InsnId, code: Code) -> Self {
        Self { id, code, next: None, jump: None }
    }

    /// The instruction at the start of `code`, known or not.
    pub(crate) fn read(id: InsnId, code: &[u8], pc: AppPc) -> Self {
        Self::new(id, decode(code, pc).map_or_else(|_| Code::opaque(code), Code::Known))
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> InsnId {
        self.id
    }

    /// Its bytes, as they were given.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.code {
            Code::Known(insn) => insn.bytes(),
            Code::Opaque { bytes, len } => &bytes[..usize::from(*len)],
        }
    }

    /// The instruction, if the decoder knows it.
    #[must_use]
    pub fn insn(&self) -> Option<&Insn> {
        match &self.code {
            Code::Known(insn) => Some(insn),
            Code::Opaque { .. } => None,
        }
    }

    /// What comes behind it.
    #[must_use]
    pub fn next(&self) -> Option<InsnId> {
        self.next
    }

    /// Where it jumps to.
    #[must_use]
    pub fn jump(&self) -> Option<InsnId> {
        self.jump
    }

    /// Where control goes; bytes that are unknown are taken to fall through.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.insn().map_or(Flow::Next, Insn::flow)
    }

    /// Whether it is a direct branch or call.
    pub(crate) fn can_jump(&self) -> bool {
        self.target().is_some()
    }

    /// Whether control never goes on behind it.
    pub(crate) fn ends_path(&self) -> bool {
        self.flow().ends_path()
    }

    /// Where the bytes say a direct branch goes.
    pub(crate) fn target(&self) -> Option<AppPc> {
        self.flow().target()
    }

    pub(crate) fn set(&mut self, edge: Edge, to: Option<InsnId>) {
        match edge {
            Edge::Next => self.next = to,
            Edge::Jump => self.jump = to,
        }
    }

    /// Removes edges to `id`.
    pub(crate) fn forget(&mut self, id: InsnId) {
        self.next = self.next.filter(|to| *to != id);
        self.jump = self.jump.filter(|to| *to != id);
    }

    /// Whether `other` is the same instruction, edges aside.
    pub(crate) fn same_code(&self, other: &Self) -> bool {
        self.bytes() == other.bytes() && self.insn().map(Insn::pc) == other.insn().map(Insn::pc)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:02x?}", self.id, self.bytes())?;
        self.next.map_or(Ok(()), |id| write!(f, " next {id}"))?;
        self.jump.map_or(Ok(()), |id| write!(f, " jump {id}"))
    }
}
