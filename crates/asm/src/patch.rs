//! Branches that are redirected while threads run over them.
//!
//! One aligned 8-byte store is a single access for the loads of every other processor (Intel SDM
//! vol. 3, 9.1.1; AMD APM vol. 2, 7.3.2). AMD promises the same to instruction fetch (7.6.1), Intel
//! does not say so and is relied on. A patchable branch therefore starts where its displacement field
//! lies inside one aligned word; nops in front of it fill the gap:
//!
//! ```text
//!   word N                          word N+1
//!  ┌──┬──┬──┬──┬──┬──┬──┬──┐       ┌──┬──┬──┬──┬──┬──┬──┬──┐
//!  │  │  │  │nop  │nop  │e9│       │ d i s p 3 2│  │  │  │  │   jmp, call: the field decides
//!  └──┴──┴──┴──┴──┴──┴──┴──┘       └──┴──┴──┴──┴──┴──┴──┴──┘
//!  ┌──┬──┬──┬──┬──┬──┬──┬──┐       ┌──┬──┬──┬──┬──┬──┬──┬──┐
//!  │  │  │  │  │ n o p     │       │e9│ d i s p 3 2│  │  │  │   jmp that may become a nop: all of it
//!  └──┴──┴──┴──┴──┴──┴──┴──┘       └──┴──┴──┴──┴──┴──┴──┴──┘
//! ```

use midstride_addr::{CachePc, rel32};

use crate::encode::Bits;
use crate::error::EmitError;
use crate::op::Cond;
use crate::writer::Writer;

/// Size of the word that is stored at once.
const WORD: u64 = 8;
/// `jmp rel32`.
const JMP: u8 = 0xe9;
/// The recommended 5-byte nop (Intel SDM vol. 2, NOP): `nop dword [rax+rax*1+0]`.
const NOP5: u64 = 0x00_0044_1f0f;

/// What stands at a [`PatchSite`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PatchKind {
    /// `jmp rel32`, 5 bytes.
    Jmp,
    /// `jcc rel32`, 6 bytes.
    Jcc,
    /// `call rel32`, 5 bytes.
    Call,
    /// `jmp rel32` or a nop of 5 bytes.
    JmpNop,
}

impl PatchKind {
    /// Bytes from the start of the instruction to its displacement.
    const fn field_offset(self) -> u64 {
        match self {
            Self::Jmp | Self::Call | Self::JmpNop => 1,
            Self::Jcc => 2,
        }
    }

    /// The bytes that have to lie in one word: their offset in the instruction and their number.
    const fn span(self) -> (u64, u64) {
        match self {
            Self::JmpNop => (0, 5),
            _ => (self.field_offset(), 4),
        }
    }
}

/// A branch whose target can be changed by one aligned 8-byte store. Only a [`Writer`] makes them, so
/// the alignment holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PatchSite {
    field: CachePc,
    kind: PatchKind,
}

impl PatchSite {
    /// Where the instruction starts (behind its padding).
    #[must_use]
    pub fn instruction(&self) -> CachePc {
        self.field.offset(-self.kind.field_offset().cast_signed())
    }

    /// Where its 32-bit displacement starts.
    #[must_use]
    pub fn field(&self) -> CachePc {
        self.field
    }

    /// The address behind the instruction, from which the displacement counts.
    #[must_use]
    pub fn end(&self) -> CachePc {
        self.field.add(4)
    }

    /// What stands here.
    #[must_use]
    pub fn kind(&self) -> PatchKind {
        self.kind
    }

    /// The address of the aligned 8-byte word that holds the field.
    #[must_use]
    pub fn word_address(&self) -> CachePc {
        CachePc::new(self.field.get() & !(WORD - 1))
    }

    /// The word to store so that the branch leads to `target`, and its address. `old_word` is what
    /// the word holds now (little-endian); its bytes outside the branch are kept.
    ///
    /// # Errors
    /// [`EmitError::OutOfReach`] when `target` is beyond ±2 GiB.
    pub fn word_for(&self, old_word: u64, target: CachePc) -> Result<(CachePc, u64), EmitError> {
        let Some(disp) = rel32(self.end().get(), target.get()) else {
            return Err(EmitError::OutOfReach { from: self.end(), to: target.get() });
        };
        let disp = u64::from(disp.cast_unsigned());
        let bits = match self.kind {
            PatchKind::JmpNop => disp << 8 | u64::from(JMP),
            _ => disp,
        };
        Ok((self.word_address(), self.replace(old_word, bits)))
    }

    /// The word to store so that the branch becomes a nop, and its address.
    ///
    /// # Errors
    /// [`EmitError::NotRemovable`] for any kind but [`PatchKind::JmpNop`].
    pub fn nop_word_for(&self, old_word: u64) -> Result<(CachePc, u64), EmitError> {
        match self.kind {
            PatchKind::JmpNop => Ok((self.word_address(), self.replace(old_word, NOP5))),
            _ => Err(EmitError::NotRemovable { instruction: self.instruction() }),
        }
    }

    /// Where the branch leads when its word holds `word`; `None` when it is a nop there.
    #[must_use]
    pub fn target_in(&self, word: u64) -> Option<CachePc> {
        let (start, _) = self.position();
        if self.kind == PatchKind::JmpNop && (word >> start) as u8 != JMP {
            return None;
        }
        let field = (word >> (self.field.get() % WORD * 8)) as u32;
        Some(self.end().offset(field.cast_signed().into()))
    }

    /// Shift and width, in bits, of the patched bytes in their word.
    fn position(&self) -> (u64, u64) {
        let (offset, bytes) = self.kind.span();
        (self.instruction().add(offset).get() % WORD * 8, bytes * 8)
    }

    fn replace(&self, old_word: u64, bits: u64) -> u64 {
        let (shift, width) = self.position();
        let mask = ((1 << width) - 1) << shift;
        old_word & !mask | bits << shift
    }
}

impl Writer<'_> {
    /// Jumps to `to`; the target can be changed later.
    pub fn jmp_patchable(&mut self, to: CachePc) -> PatchSite {
        self.patchable(PatchKind::Jmp, Bits::EMPTY.byte(JMP), to)
    }

    /// Jumps to `to` if the condition holds; the target can be changed later.
    pub fn jcc_patchable(&mut self, cond: Cond, to: CachePc) -> PatchSite {
        self.patchable(PatchKind::Jcc, Bits::EMPTY.byte(0x0f).byte(0x80 | cond.code()), to)
    }

    /// Calls `to`; the target can be changed later.
    pub fn call_patchable(&mut self, to: CachePc) -> PatchSite {
        self.patchable(PatchKind::Call, Bits::EMPTY.byte(0xe8), to)
    }

    /// Jumps to `to`; later the target can be changed and the jump be replaced by a nop and back.
    pub fn jmp_nop_patchable(&mut self, to: CachePc) -> PatchSite {
        self.patchable(PatchKind::JmpNop, Bits::EMPTY.byte(JMP), to)
    }

    fn patchable(&mut self, kind: PatchKind, opcode: Bits, to: CachePc) -> PatchSite {
        let (offset, bytes) = kind.span();
        let start = self.pc().add(offset).get() % WORD;
        let padding = if start + bytes <= WORD { 0 } else { WORD - start };
        self.nop(padding as usize);
        let site = PatchSite { field: self.pc().add(kind.field_offset()), kind };
        self.rel32_absolute(opcode, to);
        site
    }
}
