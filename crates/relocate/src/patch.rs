//! Instruction bytes with another memory operand.

use midstride_asm::Gpr;

use crate::insn::MAX_INSN_BYTES;
use crate::layout::{Encoding, Layout, REX, REX_B};

/// The bytes of one instruction, built piece by piece.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    bytes: [u8; MAX_INSN_BYTES],
    len: usize,
}

impl Bytes {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; MAX_INSN_BYTES], len: 0 }
    }

    /// Appends; what no instruction can hold is dropped.
    pub(crate) fn extend(&mut self, more: &[u8]) {
        let len = more.len().min(MAX_INSN_BYTES - self.len);
        self.bytes[self.len..self.len + len].copy_from_slice(&more[..len]);
        self.len += len;
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The parts of an instruction whose memory operand is [rip+disp32].
pub(crate) struct RipRelative<'i> {
    bytes: &'i [u8],
    layout: Layout,
}

/// Bytes of the displacement.
const DISP: usize = 4;

impl<'i> RipRelative<'i> {
    /// Finds the parts; `None` when the bytes hold no rip-relative operand.
    pub(crate) fn of(bytes: &'i [u8]) -> Option<Self> {
        let layout = Layout::of(bytes)?;
        let whole =
            bytes[layout.modrm] & 0b11_000_111 == 0b00_000_101 && layout.modrm + 1 + DISP <= bytes.len();
        whole.then_some(Self { bytes, layout })
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.layout.encoding
    }

    /// The same instruction with displacement `disp`.
    pub(crate) fn with_displacement(&self, disp: i32) -> Bytes {
        let (head, tail) = self.around();
        let mut out = Bytes::new();
        out.extend(head);
        out.extend(&[self.bytes[self.layout.modrm]]);
        out.extend(&disp.to_le_bytes());
        out.extend(tail);
        out
    }

    /// The bytes before ModRM and those behind the displacement.
    fn around(&self) -> (&'i [u8], &'i [u8]) {
        let modrm = self.layout.modrm;
        (&self.bytes[..modrm], &self.bytes[modrm + 1 + DISP..])
    }

    /// The same instruction with memory operand `[base]`. `base` must be encodable: not rsp, rbp, r12 or r13,
    /// and below r8 when there is no bit for it.
    pub(crate) fn with_base(&self, base: Gpr) -> Bytes {
        let (head, tail) = self.around();
        let mut out = Bytes::new();
        self.extend_head(&mut out, head, base.number() >= 8);
        out.extend(&[self.bytes[self.layout.modrm] & 0b00_111_000 | base.number() & 7]);
        out.extend(tail);
        out
    }

    /// Prefixes and opcode, with the bit set or cleared that extends the base register's number. rip needs no
    /// such bit, so the program may have left it either way.
    fn extend_head(&self, out: &mut Bytes, head: &[u8], extended: bool) {
        let at = self.layout.head;
        let bit = u8::from(extended);
        match self.layout.encoding {
            Encoding::Plain if extended => {
                out.extend(&head[..at]);
                out.extend(&[REX | REX_B]);
                out.extend(&head[at..]);
            }
            Encoding::Plain | Encoding::Vex2 => out.extend(head),
            Encoding::Rex => {
                out.extend(&head[..at - 1]);
                out.extend(&[head[at - 1] & !REX_B | bit]);
                out.extend(&head[at..]);
            }
            Encoding::InvertedB => {
                out.extend(&head[..at + 1]);
                out.extend(&[head[at + 1] & !INVERTED_B | (1 - bit) << 5]);
                out.extend(&head[at + 2..]);
            }
        }
    }
}

/// B in the byte behind C4, 8F or 62; it counts when clear.
const INVERTED_B: u8 = 1 << 5;
