//! Labels that their user keeps: as many as there is memory for.
//!
//! They are what [`crate::label`] describes, in the hands of whoever wants more of them than a writer
//! has. The writer only counts those that are waited for, so that forgetting one is an error.

use midstride_addr::CodeOffset;

use crate::encode::Bits;
use crate::error::EmitError;
use crate::label::{NONE, Slot};
use crate::op::Cond;
use crate::reg::{Gpr, Xmm};
use crate::writer::Writer;

/// A place in the code of one [`Writer`], kept by its user.
///
/// ```
/// use midstride_addr::CachePc;
/// use midstride_asm::{LooseLabel, Writer};
///
/// let mut buffer = [0; 16];
/// let mut w = Writer::new(&mut buffer, CachePc::new(0x1000));
/// let mut end = LooseLabel::new();
/// w.jmp_loose(&mut end);
/// w.int3();
/// w.bind_loose(&mut end);
/// assert_eq!(w.finish()?.bytes(), [0xe9, 1, 0, 0, 0, 0xcc]);
/// # Ok::<(), midstride_asm::EmitError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a label is for jumping to"]
pub struct LooseLabel(Slot);

impl Default for LooseLabel {
    fn default() -> Self {
        Self::new()
    }
}

impl LooseLabel {
    /// A label without a place.
    pub const fn new() -> Self {
        Self(Slot::FREE)
    }

    /// Where it is bound; `None` while it is not.
    #[must_use]
    pub fn place(&self) -> Option<CodeOffset> {
        if self.0.bound == NONE { None } else { Some(CodeOffset::new(self.0.bound)) }
    }

    /// Whether an instruction waits for it to be bound.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.0.bound == NONE && self.0.waiting().is_some()
    }
}

impl Writer<'_> {
    /// Binds the label to the position of the next instruction.
    ///
    /// Fails with [`EmitError::LooseBoundTwice`], and with [`EmitError::ShortOutOfReach`] when a short
    /// branch to it is too far away.
    pub fn bind_loose(&mut self, label: &mut LooseLabel) {
        if self.error().is_some() {
            return;
        }
        if let Some(first) = label.place() {
            return self.fail(EmitError::LooseBoundTwice { first });
        }
        self.loose -= u32::from(label.is_awaited());
        self.bind_slot(&mut label.0);
    }

    /// Jumps to the label (`E9 cd`, or `EB cb` back to one that is near).
    pub fn jmp_loose(&mut self, label: &mut LooseLabel) {
        if self.is_near(label) {
            return self.loose8(Bits::EMPTY.byte(0xeb), label);
        }
        self.loose32(Bits::EMPTY.byte(0xe9), label);
    }

    /// Jumps to the label if the condition holds (`0F 80+cc cd`, or `70+cc cb` back to one that is near).
    pub fn jcc_loose(&mut self, cond: Cond, label: &mut LooseLabel) {
        if self.is_near(label) {
            return self.loose8(Bits::EMPTY.byte(0x70 | cond.code()), label);
        }
        self.loose32(Bits::EMPTY.byte(0x0f).byte(0x80 | cond.code()), label);
    }

    /// Jumps to the label, at most 127 bytes forward or 128 back (`EB cb`).
    pub fn jmp_loose_short(&mut self, label: &mut LooseLabel) {
        self.loose8(Bits::EMPTY.byte(0xeb), label);
    }

    /// Jumps to the label if the condition holds, at most 127 bytes forward or 128 back (`70+cc cb`).
    pub fn jcc_loose_short(&mut self, cond: Cond, label: &mut LooseLabel) {
        self.loose8(Bits::EMPTY.byte(0x70 | cond.code()), label);
    }

    /// Calls the label (`E8 cd`).
    pub fn call_loose(&mut self, label: &mut LooseLabel) {
        self.loose32(Bits::EMPTY.byte(0xe8), label);
    }

    /// Loads the address of the label (`REX.W 8D /r`, rip-relative).
    pub fn lea_loose(&mut self, dst: Gpr, label: &mut LooseLabel) {
        let number = dst.number();
        let opcode = Bits::EMPTY.byte(0x48 | (number >> 3) << 2).byte(0x8d);
        self.loose32(opcode.byte((number & 7) << 3 | 0b101), label);
    }

    /// Loads the 8 bytes at the label, zeros above them (`VEX.LIG.F2.0F.WIG 10 /r`, rip-relative).
    pub fn vmovsd_loose(&mut self, dst: Xmm, label: &mut LooseLabel) {
        let number = dst.number();
        let opcode = Bits::EMPTY.byte(0xc5).byte((number >> 3 ^ 1) << 7 | 0x7b).byte(0x10);
        self.loose32(opcode.byte((number & 7) << 3 | 0b101), label);
    }

    /// Whether the label is bound where a short branch that starts here reaches it.
    fn is_near(&self, label: &LooseLabel) -> bool {
        label.0.bound != NONE && self.offset().get() + 2 - label.0.bound <= 128
    }

    fn loose32(&mut self, opcode: Bits, label: &mut LooseLabel) {
        let awaited = label.is_awaited();
        self.rel32_to_slot(opcode, &mut label.0);
        self.loose += u32::from(label.is_awaited() && !awaited);
    }

    fn loose8(&mut self, opcode: Bits, label: &mut LooseLabel) {
        let awaited = label.is_awaited();
        self.rel8_to_slot(opcode, &mut label.0);
        self.loose += u32::from(label.is_awaited() && !awaited);
    }
}
