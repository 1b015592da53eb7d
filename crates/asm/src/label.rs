//! Labels: places that are jumped to before they are known.
//!
//! A label that is not bound yet needs no list of the fields that wait for it: the fields are the
//! list. Each holds the way to the field before it until `bind` fills them all in.
//!
//! ```text
//!        first                          last32
//!          │                              │
//!   e9 [END]  ..  0f 84 [0x01]  ..  e9 [0x0b]  ..       offsets of earlier rel32 fields
//!   eb [0]    ..  e3 [9]        ..  eb [5]              distances to earlier rel8 fields, 0 ends
//! ```

use midstride_addr::{CodeOffset, rel8};

use crate::encode::Bits;
use crate::error::EmitError;
use crate::op::Cond;
use crate::reg::Gpr;
use crate::writer::Writer;

/// A place in the code of one [`Writer`](crate::Writer), bound now or later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Label(pub(crate) u8);

/// How many labels a writer has.
pub(crate) const LABELS: usize = 64;

/// Instead of an offset: there is none.
pub(crate) const NONE: u32 = u32::MAX;

/// State of one label; all are offsets in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Where the label is.
    pub(crate) bound: u32,
    /// The first displacement field that ever asked for it.
    pub(crate) first: u32,
    /// The last 32-bit field that waits for it.
    pub(crate) last32: u32,
    /// The last 8-bit field that waits for it.
    pub(crate) last8: u32,
}

impl Slot {
    pub(crate) const FREE: Self = Self { bound: NONE, first: NONE, last32: NONE, last8: NONE };

    /// The last field that still waits.
    pub(crate) fn waiting(&self) -> Option<u32> {
        match (self.last32, self.last8) {
            (NONE, NONE) => None,
            (NONE, field) | (field, NONE) => Some(field),
            (a, b) => Some(a.max(b)),
        }
    }
}

impl Writer<'_> {
    /// A label for one place in this code; at most 64 of them.
    ///
    /// Fails with [`EmitError::TooManyLabels`].
    pub fn new_label(&mut self) -> Label {
        let label = Label(self.labels_used);
        if usize::from(label.0) == LABELS {
            self.fail(EmitError::TooManyLabels { limit: LABELS });
        } else {
            self.labels_used += 1;
        }
        label
    }

    /// Binds the label to the position of the next instruction.
    ///
    /// Fails with [`EmitError::BoundTwice`], and with [`EmitError::ShortOutOfReach`] when a short
    /// branch to it is too far away.
    pub fn bind(&mut self, label: Label) {
        let Some(slot) = self.slot(label) else { return };
        if slot.bound != NONE {
            let first = CodeOffset::new(slot.bound);
            return self.fail(EmitError::BoundTwice { label: label.0.into(), first });
        }
        let mut slot = slot;
        self.bind_slot(&mut slot);
        self.labels[usize::from(label.0)] = slot;
    }

    /// Where the label is bound; `None` while it is not.
    #[must_use]
    pub fn place_of(&self, label: Label) -> Option<CodeOffset> {
        let slot = self.labels[..self.labels_used.into()].get(usize::from(label.0))?;
        if slot.bound == NONE { None } else { Some(CodeOffset::new(slot.bound)) }
    }

    /// Jumps to the label (`E9 cd`).
    pub fn jmp(&mut self, label: Label) {
        self.rel32_to(Bits::EMPTY.byte(0xe9), label);
    }

    /// Jumps to the label if the condition holds (`0F 80+cc cd`).
    pub fn jcc(&mut self, cond: Cond, label: Label) {
        self.rel32_to(Bits::EMPTY.byte(0x0f).byte(0x80 | cond.code()), label);
    }

    /// Calls the label (`E8 cd`).
    pub fn call(&mut self, label: Label) {
        self.rel32_to(Bits::EMPTY.byte(0xe8), label);
    }

    /// Loads the address of the label (`REX.W 8D /r`, rip-relative).
    pub fn lea_label(&mut self, dst: Gpr, label: Label) {
        let number = dst.number();
        let opcode = Bits::EMPTY.byte(0x48 | (number >> 3) << 2).byte(0x8d);
        self.rel32_to(opcode.byte((number & 7) << 3 | 0b101), label);
    }

    /// Jumps to the label, at most 127 bytes forward or 128 back (`EB cb`).
    pub fn jmp_short(&mut self, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0xeb), label);
    }

    /// Jumps to the label if the condition holds, at most 127 bytes forward or 128 back (`70+cc cb`).
    pub fn jcc_short(&mut self, cond: Cond, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0x70 | cond.code()), label);
    }

    /// Jumps to the label, short, if rcx is 0; flags are neither read nor changed (`E3 cb`).
    pub fn jrcxz(&mut self, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0xe3), label);
    }

    /// Jumps to the label, short, if ecx is 0; flags are neither read nor changed (`67 E3 cb`).
    pub fn jecxz(&mut self, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0x67).byte(0xe3), label);
    }

    /// Decrements rcx without touching flags, then jumps to the label, short, unless it is 0 (`E2 cb`).
    pub fn loop_(&mut self, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0xe2), label);
    }

    /// As [`loop_`](Self::loop_), and jumps only while ZF is set (`E1 cb`).
    pub fn loope(&mut self, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0xe1), label);
    }

    /// As [`loop_`](Self::loop_), and jumps only while ZF is clear (`E0 cb`).
    pub fn loopne(&mut self, label: Label) {
        self.rel8_to(Bits::EMPTY.byte(0xe0), label);
    }

    fn rel32_to(&mut self, opcode: Bits, label: Label) {
        let Some(mut slot) = self.slot(label) else { return };
        self.rel32_to_slot(opcode, &mut slot);
        self.labels[usize::from(label.0)] = slot;
    }

    fn rel8_to(&mut self, opcode: Bits, label: Label) {
        let Some(mut slot) = self.slot(label) else { return };
        self.rel8_to_slot(opcode, &mut slot);
        self.labels[usize::from(label.0)] = slot;
    }

    /// Gives the label its place, here, and the fields that wait for it their displacements.
    pub(crate) fn bind_slot(&mut self, slot: &mut Slot) {
        let here = self.offset().get();
        let waiting = core::mem::replace(slot, Slot { bound: here, last32: NONE, last8: NONE, ..*slot });
        self.fill_rel32(waiting.last32, here);
        self.fill_rel8(waiting.last8, here);
    }

    /// Writes `opcode` and a 32-bit displacement to the label.
    pub(crate) fn rel32_to_slot(&mut self, opcode: Bits, slot: &mut Slot) {
        let field = self.offset().get() + opcode.len;
        let bound = slot.bound;
        let value = if bound == NONE { slot.last32 } else { bound.wrapping_sub(field + 4) };
        self.put(opcode.append(value.into(), 4));
        if bound == NONE && self.error().is_none() {
            // The field just written is the last one that waits.
            *slot = Slot { last32: field, first: slot.first.min(field), ..*slot };
        }
    }

    /// Writes `opcode` and an 8-bit displacement to the label.
    pub(crate) fn rel8_to_slot(&mut self, opcode: Bits, slot: &mut Slot) {
        let field = self.offset().get() + opcode.len;
        let value = if slot.bound == NONE {
            // The field before is so far away that no place from here on can suit it.
            let distance = if slot.last8 == NONE { 0 } else { field - slot.last8 };
            u8::try_from(distance).map_err(|_| (slot.last8 + 1, field))
        } else {
            rel8_between(field + 1, slot.bound).ok_or((field + 1, slot.bound))
        };
        match value {
            Ok(byte) => self.put(opcode.byte(byte)),
            Err((from, to)) => return self.fail_short(from, to),
        }
        if slot.bound == NONE && self.error().is_none() {
            *slot = Slot { last8: field, first: slot.first.min(field), ..*slot };
        }
    }

    /// The label's state; fails when it is none of this writer's, `None` also after an earlier error.
    fn slot(&mut self, label: Label) -> Option<Slot> {
        if self.error().is_some() {
            return None;
        }
        let slot = self.labels[..self.labels_used.into()].get(usize::from(label.0)).copied();
        if slot.is_none() {
            self.fail(EmitError::ForeignLabel { label: label.0.into() });
        }
        slot
    }

    fn fill_rel32(&mut self, mut field: u32, to: u32) {
        while field != NONE {
            let earlier = self.waiting_rel32(field);
            let disp = to.wrapping_sub(field + 4);
            self.buf[field as usize..][..4].copy_from_slice(&disp.to_le_bytes());
            field = earlier;
        }
    }

    fn fill_rel8(&mut self, mut field: u32, to: u32) {
        while field != NONE {
            let earlier = self.waiting_rel8(field);
            let Some(disp) = rel8_between(field + 1, to) else {
                return self.fail_short(field + 1, to);
            };
            self.buf[field as usize] = disp;
            field = earlier;
        }
    }

    /// What a waiting 32-bit field holds: the one before it.
    fn waiting_rel32(&self, field: u32) -> u32 {
        let bytes = self.buf[field as usize..].first_chunk().copied();
        bytes.map_or(NONE, u32::from_le_bytes)
    }

    /// What a waiting 8-bit field holds: the one before it.
    fn waiting_rel8(&self, field: u32) -> u32 {
        match self.buf[field as usize] {
            0 => NONE,
            distance => field - u32::from(distance),
        }
    }

    /// Forgets places and fields at or behind `cut`.
    pub(crate) fn cut_labels(&mut self, cut: u32) {
        for index in 0..usize::from(self.labels_used) {
            let mut slot = self.labels[index];
            if slot.bound != NONE && slot.bound > cut {
                if slot.first < cut {
                    return self.fail_cut(index, slot.bound, cut);
                }
                slot.bound = NONE;
            }
            while slot.last32 != NONE && slot.last32 >= cut {
                slot.last32 = self.waiting_rel32(slot.last32);
            }
            while slot.last8 != NONE && slot.last8 >= cut {
                slot.last8 = self.waiting_rel8(slot.last8);
            }
            if slot.first >= cut {
                slot.first = NONE;
            }
            self.labels[index] = slot;
        }
    }

    /// Fails when a field waits for a label that was not bound.
    pub(crate) fn check_labels(&mut self) {
        let waiting = (0u32..).zip(&self.labels[..self.labels_used.into()]);
        let unbound = waiting.filter_map(|(label, slot)| Some((label, slot.waiting()?))).next();
        if let Some((label, field)) = unbound {
            self.fail(EmitError::Unbound { label, field: CodeOffset::new(field) });
        }
        if self.loose > 0 {
            self.fail(EmitError::LooseUnbound { labels: self.loose });
        }
    }

    fn fail_short(&mut self, from: u32, to: u32) {
        self.fail(EmitError::ShortOutOfReach { from: CodeOffset::new(from), to: CodeOffset::new(to) });
    }

    fn fail_cut(&mut self, index: usize, bound: u32, cut: u32) {
        let (bound, cut) = (CodeOffset::new(bound), CodeOffset::new(cut));
        self.fail(EmitError::LabelCutOff { label: index as u32, bound, cut });
    }
}

/// The 8-bit displacement field between two positions.
fn rel8_between(end: u32, to: u32) -> Option<u8> {
    rel8(end.into(), to.into()).map(i8::cast_unsigned)
}
