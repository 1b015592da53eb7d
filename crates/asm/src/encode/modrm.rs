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
use super::{Bits, Operands, Site};
use crate::error::EmitError;
use crate::mem::Place;

/// ModRM of a rip-relative operand, reg still 0.
const RIP_RELATIVE: u64 = 0b00_000_101;

/// What the form has between opcode and immediate, of an instruction with so many `other` bytes.
#[inline(always)]
pub(super) fn bits(form: Form, ops: &Operands, other: u32, site: Site) -> Result<Bits, EmitError> {
    let reg = match form.modrm {
        ModRm::None | ModRm::InOpcode => return Ok(Bits::EMPTY),
        ModRm::Fixed(byte) => return Ok(Bits::EMPTY.byte(byte)),
        ModRm::Reg => ops.reg & 7,
        ModRm::Digit(digit) => digit,
        ModRm::Selected => ops.select,
    };
    let reg = u64::from(reg << 3);
    let len = u32::from(ops.rm.len);
    match ops.rm.place {
        Place::Plain => Ok(Bits { bits: ops.rm.bits | reg, len }),
        Place::Rip => {
            let end = site.pc.wrapping_add(u64::from(other + len));
            let disp = displacement(end, ops.rm.bits)?;
            Ok(Bits { bits: RIP_RELATIVE | reg | disp << 8, len })
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
