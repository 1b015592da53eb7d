//! Legacy prefixes, REX and the opcode (Intel SDM vol. 2, 2.1.1, 2.2.1).
//!
//! ```text
//!    F0       64/65      66/F2/F3     0100WRXB    0F, 0F 38, 0F 3A
//!  ┌──────┬───────────┬────────────┬────────────┬──────────────────┬────────┐
//!  │ lock │  segment  │ size, rep, │    REX     │      escape      │ opcode │
//!  │      │           │ mandatory  │            │                  │        │
//!  └──────┴───────────┴────────────┴────────────┴──────────────────┴────────┘
//!
//!    7   6   5   4   3   2   1   0     W  64-bit operand
//!  ┌───┬───┬───┬───┬───┬───┬───┬───┐   R  top bit of ModRM.reg
//!  │ 0 │ 1 │ 0 │ 0 │ W │ R │ X │ B │   X  top bit of SIB.index
//!  └───┴───┴───┴───┴───┴───┴───┴───┘   B  top bit of ModRM.rm, SIB.base or the opcode's register
//! ```

use super::Bits;
use super::Operands;
use super::form::{Form, ModRm, Sizing};
use crate::reg::Width;

const REX: u8 = 0x40;
const OPERAND_SIZE: u8 = 0x66;

/// Everything up to and including the opcode.
#[inline(always)]
pub(super) fn head(form: Form, width: Width, ops: &Operands) -> Bits {
    let size = if matches!((form.sizing, width), (Sizing::Prefixes, Width::W16)) { OPERAND_SIZE } else { 0 };
    let (lock, segment) = (form.lock | ops.lock, ops.rm.segment as u8);
    let opcode = form.escape.bits().byte(form.opcode_for(width, ops));
    let usual = opcode.prefix(rex(form, width, ops)).prefix(form.mandatory);
    if size | segment | lock == 0 { usual } else { usual.prefix(size).prefix(segment).prefix(lock) }
}

/// The REX prefix, or 0 when none is needed.
#[inline(always)]
fn rex(form: Form, width: Width, ops: &Operands) -> u8 {
    let (r, xb) = match form.modrm {
        ModRm::InOpcode => (0, ops.reg >> 3),
        ModRm::None | ModRm::Fixed(_) => (0, 0),
        ModRm::Reg => (ops.reg >> 3, ops.rm.rex_xb),
        ModRm::Digit(_) | ModRm::Selected => (0, ops.rm.rex_xb),
    };
    let bits = ((form.wide_for(width) as u8) << 3) | (r << 2) | xb;
    if bits != 0 || needs_rex_for_bytes(form, width, ops) { REX | bits } else { 0 }
}

/// Without a REX prefix byte registers 4 to 7 would be ah, ch, dh and bh.
#[inline(always)]
fn needs_rex_for_bytes(form: Form, width: Width, ops: &Operands) -> bool {
    let byte = matches!((form.sizing, width), (Sizing::Prefixes, Width::W8));
    let reg = byte && matches!(form.modrm, ModRm::Reg | ModRm::InOpcode) && ops.reg >= 4;
    let rm = (byte || ops.rm_is_byte) && ops.rm_is_register() && ops.rm.bits & 7 >= 4;
    reg || rm
}
