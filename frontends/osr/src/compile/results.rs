//! Where results go: straight into a local's register, when the next operator sets that local.
//!
//! This looks at one operator ahead. Between a result and the operator that takes it nobody asks where
//! values are, so the local may have its next value a little early.

use midstride_asm::{Gpr, Xmm};

use super::function::{Function, Loc};
use super::values::Source;

/// The opcodes of operators that give a local the value on top.
const LOCAL_SET: u8 = 0x21;
const LOCAL_TEE: u8 = 0x22;
/// A byte that is a number of its own in LEB128 is below this.
const LONG: u8 = 0x80;

/// How many bytes the operator has that makes the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// Only its opcode.
    Opcode,
    /// Opcode, alignment and offset.
    Memory,
    /// The same, and the opcode of the next one, which is written with it.
    MemoryAndOpcode,
}

impl Function<'_, '_> {
    /// The bytes behind the operator at hand.
    pub(super) fn ahead(&self, length: Length) -> Option<&[u8]> {
        let behind = self.wasm.get(self.at as usize + 1..)?;
        match length {
            Length::Opcode => Some(behind),
            Length::Memory => behind_number(behind_number(behind)?),
            Length::MemoryAndOpcode => behind_number(behind_number(behind)?)?.get(1..),
        }
    }

    /// The register of the local that gets the result, if it has one and no operand is what it holds now.
    fn awaiting(&self, length: Length) -> Option<Loc> {
        let [LOCAL_SET | LOCAL_TEE, local @ ..LONG, ..] = *self.ahead(length)? else { return None };
        let local = u32::from(local);
        if local >= self.frame.locals() {
            return None;
        }
        let pin = self.pins.of(local)?;
        let held = |height: &usize| self.stack[*height].loc == Loc::Local(local);
        let is_held = self.aliases > 0 && (self.settled..self.stack.len()).any(|height| held(&height));
        (!is_held).then(|| self.pins.loc(pin))
    }

    /// Whether the result of the operator at hand, without immediates, goes to this register.
    pub(crate) fn is_awaiting(&self, reg: Gpr) -> bool {
        self.awaiting(Length::Opcode) == Some(Loc::Gpr(reg))
    }

    /// A register for the result of an operator that reads all its operands in the instruction that
    /// writes it.
    pub(crate) fn result_gpr(&mut self, length: Length) -> Gpr {
        match self.awaiting(length) {
            Some(Loc::Gpr(reg)) => reg,
            _ => self.gpr(),
        }
    }

    /// As [`result_gpr`](Self::result_gpr), for floats; it may be the one that `source` has, if that is an
    /// operand's own.
    pub(crate) fn result_xmm(&mut self, source: Option<Xmm>, length: Length) -> Xmm {
        match (self.awaiting(length), source) {
            (Some(Loc::Xmm(reg)), source) => {
                source.into_iter().for_each(|source| self.release_x(source));
                reg
            }
            (_, Some(source)) => self.reuse_x(source),
            (_, None) => self.xmm(),
        }
    }

    /// Takes the top operand into a register that may be changed and is read again only behind `other`:
    /// the register for the result, of an operator without immediates.
    pub(crate) fn pop_to_result(&mut self, other: Source) -> Gpr {
        let source = self.pop_source();
        match (source, other) {
            (Source::Gpr(reg), _) if self.is_own(reg) => reg,
            (source, other) => {
                let dst = match self.awaiting(Length::Opcode) {
                    Some(Loc::Gpr(reg)) if !matches!(other, Source::Gpr(other) if other == reg) => reg,
                    _ => self.gpr(),
                };
                self.copy_taken(source, dst);
                dst
            }
        }
    }
}

/// What is behind a number in LEB128.
fn behind_number(bytes: &[u8]) -> Option<&[u8]> {
    let last = bytes.iter().position(|byte| *byte < LONG)?;
    bytes.get(last + 1..)
}
