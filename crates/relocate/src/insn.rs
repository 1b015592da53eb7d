//! One decoded instruction, and the two ways to get it.

use core::fmt;

use iced_x86::{Decoder, DecoderError, DecoderOptions, Instruction};
use midstride_addr::AppPc;

use crate::flow::{self, Flow};
use crate::layout::Prefixes;
use crate::special::{self, Special};

/// The longest instruction the processor accepts, in bytes (SDM vol. 2, 2.3.11).
pub const MAX_INSN_BYTES: usize = 15;

/// One instruction of the program: what it means, where it is, and its bytes. 56 bytes, copied freely.
#[derive(Clone, Copy)]
pub struct Insn {
    iced: Instruction,
    bytes: [u8; MAX_INSN_BYTES],
}

impl Insn {
    /// Where the program has it.
    #[must_use]
    pub fn pc(&self) -> AppPc {
        AppPc::new(self.iced.ip())
    }

    /// The address behind it.
    #[must_use]
    pub fn next_pc(&self) -> AppPc {
        AppPc::new(self.iced.next_ip())
    }

    /// Its length in bytes, 1 to 15.
    #[expect(clippy::len_without_is_empty, reason = "no instruction is empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.iced.len()
    }

    /// Its bytes, as the program has them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// iced's view of it; its addresses are app pcs.
    #[must_use]
    pub fn iced(&self) -> &Instruction {
        &self.iced
    }

    /// Where control goes behind it.
    #[must_use]
    pub fn flow(&self) -> Flow {
        flow::classify(self)
    }

    /// What a copy of it must be handled with, if anything.
    #[must_use]
    pub fn special(&self) -> Option<Special> {
        special::of(&self.iced)
    }
}

impl fmt::Debug for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Insn({} {:?} {:02x?})", self.pc(), self.iced.code(), self.bytes())
    }
}

/// Why there is no instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes ended before the instruction did; it may be a good one.
    Truncated {
        /// Where the instruction starts.
        pc: AppPc,
        /// How many of its bytes there were.
        available: usize,
    },
    /// No instruction of 64-bit mode starts like this, as far as the decoder knows. The processor is the
    /// judge: run the bytes and it raises what it raises.
    Invalid {
        /// Where the bytes start.
        pc: AppPc,
        /// How many bytes it took to see that, 1 to 15.
        examined: usize,
    },
    /// The 15 bytes that an instruction may have were not enough, or the last of them spoiled it. The processor
    /// raises #GP for the one and #UD for the other: run the bytes.
    TooLong {
        /// Where the bytes start.
        pc: AppPc,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { pc, available } => {
                write!(f, "instruction at {pc} does not end within the {available:#x} bytes at hand")
            }
            Self::Invalid { pc, examined } => {
                write!(f, "no known instruction at {pc} ({examined:#x} bytes examined)")
            }
            Self::TooLong { pc } => write!(f, "no instruction within the 0xf bytes at {pc}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Decodes the instruction at the start of `code`, which the program has at `pc`.
///
/// For more than one instruction in a row [`InsnIter`] is cheaper.
///
/// # Errors
/// [`DecodeError::Truncated`] when `code` ends inside the instruction, [`DecodeError::Invalid`] when no
/// instruction starts like this, [`DecodeError::TooLong`] when none has ended after 15 bytes.
pub fn decode(code: &[u8], pc: AppPc) -> Result<Insn, DecodeError> {
    let window = &code[..code.len().min(MAX_INSN_BYTES)];
    InsnIter::new(window, pc).next().unwrap_or(Err(DecodeError::Truncated { pc, available: 0 }))
}

/// Decodes the instructions of a piece of code in order, with one decoder.
///
/// Ends behind the last whole instruction. What is no instruction is reported once, as the last item.
pub struct InsnIter<'c> {
    /// The code up to its end, or up to the bytes that were refused.
    code: &'c [u8],
    origin: AppPc,
    position: usize,
    decoder: Decoder<'c>,
}

impl<'c> InsnIter<'c> {
    /// Starts at the first byte of `code`, which the program has at `pc`.
    #[must_use]
    pub fn new(code: &'c [u8], pc: AppPc) -> Self {
        let decoder = Decoder::with_ip(64, code, pc.get(), DecoderOptions::NONE);
        Self { code, origin: pc, position: 0, decoder }
    }

    /// Where the next instruction starts, or the one that was refused.
    #[must_use]
    pub fn pc(&self) -> AppPc {
        self.origin.add(self.position as u64)
    }

    /// How many bytes of whole instructions have been decoded.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// What iced could not read, as an error; ends the iteration.
    #[cold]
    fn refuse(&mut self) -> DecodeError {
        let pc = self.pc();
        let rest = &self.code[self.position..];
        let opcode = Prefixes::scan(&rest[..rest.len().min(MAX_INSN_BYTES)]).len;
        let examined = self.decoder.position() - self.position;
        let error = if rest.get(opcode).is_some_and(|byte| REMOVED.contains(byte)) {
            DecodeError::Invalid { pc, examined: opcode + 1 }
        } else if self.decoder.last_error() == DecoderError::NoMoreBytes {
            DecodeError::Truncated { pc, available: rest.len() }
        } else if examined < MAX_INSN_BYTES {
            DecodeError::Invalid { pc, examined }
        } else {
            DecodeError::TooLong { pc }
        };
        self.code = &self.code[..self.position];
        error
    }
}

/// One-byte opcodes that 64-bit mode gave up. The processor raises #UD without looking at what is behind them;
/// iced looks for ModRM, which may lie in a page that is not there.
const REMOVED: [u8; 19] = [
    0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4,
    0xd6, 0xea,
];

impl Iterator for InsnIter<'_> {
    type Item = Result<Insn, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.code[self.position..];
        if rest.is_empty() {
            return None;
        }
        let mut insn = Insn { iced: Instruction::default(), bytes: [0; MAX_INSN_BYTES] };
        self.decoder.decode_out(&mut insn.iced);
        if insn.iced.is_invalid() {
            return Some(Err(self.refuse()));
        }
        match rest.first_chunk() {
            // One fixed-size copy is cheaper than an exact one; `bytes()` never shows what is behind.
            Some(chunk) => insn.bytes = *chunk,
            None => insn.bytes[..rest.len()].copy_from_slice(rest),
        }
        self.position += insn.len();
        Some(Ok(insn))
    }
}

impl core::iter::FusedIterator for InsnIter<'_> {}

impl fmt::Debug for InsnIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsnIter").field("pc", &self.pc()).field("end", &self.code.len()).finish()
    }
}
