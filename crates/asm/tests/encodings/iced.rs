//! The first decoder.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use midstride_asm::{Gpr, Segment, Xmm};

use crate::operand::{Address, Base, Decoded, Operand, PC, scale_of, width_of};

/// What iced-x86 makes of the first instruction; `None` when it is none.
pub(crate) fn decode(code: &[u8]) -> Option<Decoded> {
    let mut insn = Instruction::default();
    Decoder::with_ip(64, code, PC, DecoderOptions::NONE).decode_out(&mut insn);
    if insn.is_invalid() {
        return None;
    }
    let operands = (0..insn.op_count()).map(|n| operand(&insn, n)).collect();
    Some(Decoded { len: insn.len(), mnemonic: mnemonic(&insn), operands })
}

fn mnemonic(insn: &Instruction) -> String {
    let lock = if insn.has_lock_prefix() { "lock " } else { "" };
    let rep = if insn.has_rep_prefix() { "rep " } else { "" };
    format!("{lock}{rep}{:?}", insn.mnemonic()).to_lowercase()
}

fn operand(insn: &Instruction, n: u32) -> Operand {
    match insn.op_kind(n) {
        OpKind::Register => register(insn.op_register(n)),
        OpKind::Memory => Operand::Memory(address(insn), insn.memory_size().size()),
        OpKind::NearBranch64 => Operand::Target(insn.near_branch_target()),
        kind => match insn.try_immediate(n) {
            Ok(value) => Operand::Immediate(value, 8),
            Err(_) => Operand::Other(format!("{kind:?}")),
        },
    }
}

fn register(register: Register) -> Operand {
    let other = || Operand::Other(format!("{register:?}"));
    if register.is_xmm() {
        return Xmm::from_number(register.number() as u8).map_or_else(other, Operand::Xmm);
    }
    if matches!(register, Register::AH | Register::CH | Register::DH | Register::BH) {
        return other();
    }
    match (gpr(register), width_of(register.size())) {
        (Some(gpr), Some(width)) => Operand::Gpr(gpr, width),
        _ => other(),
    }
}

fn gpr(register: Register) -> Option<Gpr> {
    let full = register.full_register();
    full.is_gpr64().then(|| Gpr::from_number(full.number() as u8))?
}

fn address(insn: &Instruction) -> Address {
    let index = gpr(insn.memory_index()).map(|index| (index, scale_of(insn.memory_index_scale())));
    let base = match insn.memory_base() {
        Register::RIP => Base::Rip,
        base => gpr(base).map_or(Base::None, Base::Gpr),
    };
    let segment = match insn.segment_prefix() {
        Register::FS => Segment::Fs,
        Register::GS => Segment::Gs,
        _ => Segment::None,
    };
    Address { segment, base, index, disp: insn.memory_displacement64().cast_signed() }
}
