//! From a [`Form`] and its operands to the bytes of one instruction.

mod bits;
mod form;
mod immediate;
mod modrm;
mod notation;
mod operands;
mod rex;
mod vex;

pub(crate) use bits::{Bits, Insn};
pub(crate) use form::Form;
pub(crate) use operands::Operands;

use form::Prefixes;

use crate::error::EmitError;
use crate::reg::Width;
use midstride_addr::CodeOffset;

/// Where the instruction goes: what error messages and displacements are counted from.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) at: CodeOffset,
    pub(crate) pc: u64,
}

/// Encodes one instruction. `form` is a constant at every call, so what is decided by it is decided
/// by the compiler.
#[inline(always)]
pub(crate) fn encode(form: Form, width: Width, ops: Operands, site: Site) -> Result<Insn, EmitError> {
    if !form.has_width(width) {
        return Err(EmitError::NoSuchWidth { at: site.at, width });
    }
    let head = match form.prefixes {
        Prefixes::Legacy => rex::head(form, width, &ops),
        Prefixes::Vex => vex::head(form, width, &ops),
    };
    let imm = immediate::bits(ops.imm, form.imm.bytes(width), site)?;
    let operand = modrm::bits(form, &ops, head.len + imm.len, site)?;
    Ok(Insn { head, operand, imm })
}
