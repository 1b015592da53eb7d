//! Where the parts of an instruction lie inside its bytes (SDM vol. 2, 2.1 and 2.3, 2.7).
//!
//! ```text
//! legacy   [prefixes] [REX]            opcode (1..3)  ModRM [SIB] [disp] [imm]
//! VEX      [prefixes] C5 p1            opcode         ModRM [SIB] [disp] [imm]
//! VEX/XOP  [prefixes] C4|8F p1 p2      opcode         ModRM [SIB] [disp] [imm]
//! EVEX     [prefixes] 62 p1 p2 p3      opcode         ModRM [SIB] [disp] [imm]
//! ```

/// The legacy prefixes in front of an instruction, and REX.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prefixes {
    /// Bytes before the first byte that is no prefix, REX included.
    pub(crate) len: usize,
    /// REX, when it counts: directly before the opcode.
    pub(crate) rex: Option<u8>,
    /// Whether 66h is among them.
    pub(crate) operand_size: bool,
    /// Whether 67h is among them.
    pub(crate) address_size: bool,
}

impl Prefixes {
    pub(crate) fn scan(bytes: &[u8]) -> Self {
        let mut found = Self { len: 0, rex: None, operand_size: false, address_size: false };
        for &byte in bytes {
            match byte {
                // A REX that another prefix follows is ignored by the processor.
                0x40..=0x4f => found.rex = Some(byte),
                0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3 => {
                    found.rex = None;
                    found.operand_size |= byte == 0x66;
                    found.address_size |= byte == 0x67;
                }
                _ => break,
            }
            found.len += 1;
        }
        found
    }

    /// Whether the operand size is 16 bits: 66h, not outvoted by REX.W.
    pub(crate) fn narrows_operand(self) -> bool {
        self.operand_size && self.rex.unwrap_or(0) & REX_W == 0
    }

    /// Whether REX.B is set.
    pub(crate) fn extends_base(self) -> bool {
        self.rex.unwrap_or(0) & REX_B != 0
    }
}

pub(crate) const REX: u8 = 0x40;
pub(crate) const REX_W: u8 = 0x08;
pub(crate) const REX_R: u8 = 0x04;
pub(crate) const REX_B: u8 = 0x01;

/// How an instruction carries the upper bits of its register numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// No REX.
    Plain,
    /// The last prefix is REX.
    Rex,
    /// Two-byte VEX: R only, no room for B.
    Vex2,
    /// Three-byte VEX, XOP or EVEX: the byte behind the first holds B, inverted, as bit 5.
    InvertedB,
}

/// The parts of an instruction that has a ModRM byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// Where the opcode or the VEX, XOP or EVEX prefix starts.
    pub(crate) head: usize,
    /// How register numbers are extended.
    pub(crate) encoding: Encoding,
    /// Where ModRM is.
    pub(crate) modrm: usize,
}

impl Layout {
    /// Finds the parts of the instruction `bytes`, which must have a ModRM byte; `None` when they are too short.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let prefixes = Prefixes::scan(bytes);
        let head = prefixes.len;
        let first = *bytes.get(head)?;
        let second = *bytes.get(head + 1)?;
        let legacy = if prefixes.rex.is_some() { Encoding::Rex } else { Encoding::Plain };
        let (encoding, to_modrm) = match (first, second) {
            (0xc5, _) => (Encoding::Vex2, 3),
            (0xc4, _) => (Encoding::InvertedB, 4),
            (0x62, _) => (Encoding::InvertedB, 5),
            // XOP from map 8 on; below it is `pop r/m64`.
            (0x8f, _) if second & 0x1f >= 8 => (Encoding::InvertedB, 4),
            (0x0f, 0x38 | 0x3a) => (legacy, 3),
            (0x0f, _) => (legacy, 2),
            _ => (legacy, 1),
        };
        let modrm = head + to_modrm;
        (modrm < bytes.len()).then_some(Self { head, encoding, modrm })
    }
}
