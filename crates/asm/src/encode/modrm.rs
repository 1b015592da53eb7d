//! ModRM, SIB and displacement (Intel SDM vol. 2, 2.1.3, 2.1.5).
//!
//! ```text
//!    7   6   5   4   3   2   1   0
//!  ┌───────┬───────────┬───────────┐
//!  │  mod  │    reg    │    rm     │   ModRM: reg is a register or part of the opcode
//!  ├───────┼───────────┼───────────┤
//!  │ scale │   index   │   base    │   SIB, when rm is 100 and mod is not 11
//!  └───────┴───────────┴───────────┘
//! ```

use midstride_addr::{CachePc, rel32};

use super::form::{Form, ModRm};
use super::{InsnBits, Operands, Site};
use crate::error::EmitError;
use crate::mem::Place;

/// ModRM of a rip-relative operand, reg still 0.
const RIP_RELATIVE: u64 = 0b00_000_101;

/// Appends what the form has between opcode and immediate (of `imm_bytes`).
#[inline(always)]
pub(super) fn append(
    head: InsnBits,
    form: Form,
    ops: &Operands,
    imm_bytes: u32,
    site: Site,
) -> Result<InsnBits, EmitError> {
    let reg = match form.modrm {
        ModRm::None | ModRm::InOpcode => return Ok(head),
        ModRm::Fixed(byte) => return Ok(head.byte(byte)),
        ModRm::Reg => ops.reg & 7,
        ModRm::Digit(digit) => digit,
        ModRm::Selected => ops.select,
    };
    let reg = u64::from(reg << 3);
    let len = u32::from(ops.rm.len);
    match ops.rm.place {
        Place::Plain => Ok(head.append(ops.rm.bits | reg, len)),
        Place::Rip => {
            let end = site.pc.wrapping_add(u64::from(head.len + len + imm_bytes));
            let disp = displacement(end, ops.rm.bits)?;
            Ok(head.append(RIP_RELATIVE | reg | disp << 8, len))
        }
        Place::Illegal => Err(EmitError::RspAsIndex { at: site.at }),
    }
}

fn displacement(end: u64, target: u64) -> Result<u64, EmitError> {
    match rel32(end, target) {
        Some(disp) => Ok(u64::from(disp.cast_unsigned())),
        None => Err(EmitError::OutOfReach { from: CachePc::new(end), to: target }),
    }
}
