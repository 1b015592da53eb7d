//! The VEX prefix (Intel SDM vol. 2, 2.3).
//!
//! ```text
//!               7   6   5   4   3   2   1   0
//!  two bytes  ┌───────────────────────────────┐
//!             │              C5               │   R X B vvvv are stored inverted.
//!             ├───┬───────────────┬───┬───────┤   pp    00 none, 01 66, 10 F3, 11 F2
//!             │ R̅ │     v̅v̅v̅v̅      │ L │  pp   │   mmmmm 1 = 0F, 2 = 0F38, 3 = 0F3A
//!  three      ├───┴───────────────┴───┴───────┤   The short one stands for X = B = W = 0
//!  bytes      │              C4               │   and map 0F.
//!             ├───┬───┬───┬───────────────────┤
//!             │ R̅ │ X̅ │ B̅ │       mmmmm       │
//!             ├───┼───┴───┴───────┬───┬───────┤
//!             │ W │     v̅v̅v̅v̅      │ L │  pp   │
//!             └───┴───────────────┴───┴───────┘
//! ```

use super::Bits;
use super::Operands;
use super::form::{Escape, Form, ModRm};
use crate::reg::Width;

/// Everything up to and including the opcode.
#[inline(always)]
pub(super) fn head(form: Form, width: Width, ops: &Operands) -> Bits {
    let r = if matches!(form.modrm, ModRm::Reg) { ops.reg >> 3 } else { 0 };
    let wide = form.wide_for(width) as u8;
    let last = ((!ops.vvvv & 15) << 3) | (form.long as u8) << 2 | pp(form.mandatory);
    let short = ops.rm.rex_xb | wide == 0 && matches!(form.escape, Escape::Of);
    let prefix = if short {
        Bits::EMPTY.byte(0xc5).byte((r ^ 1) << 7 | last)
    } else {
        let rxb = (r << 2 | ops.rm.rex_xb) ^ 7;
        Bits::EMPTY.byte(0xc4).byte(rxb << 5 | form.escape as u8).byte(wide << 7 | last)
    };
    prefix.byte(form.opcode_for(width, ops)).prefix(ops.rm.segment as u8)
}

/// The two bits that replace a mandatory prefix.
const fn pp(mandatory: u8) -> u8 {
    match mandatory {
        0x66 => 1,
        0xf3 => 2,
        0xf2 => 3,
        _ => 0,
    }
}
