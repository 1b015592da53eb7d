//! The second decoder.

use midstride_asm::{Gpr, Segment, Width, Xmm};
use yaxpeax_arch::LengthedInstruction;
use yaxpeax_x86::long_mode::{
    self as long, InstDecoder, Instruction, Opcode, RegSpec, Segment as Prefix, register_class,
};

use crate::operand::{Address, Base, Decoded, Operand, PC, scale_of};

/// What yaxpeax-x86 makes of the first instruction; `None` when it is none.
pub(crate) fn decode(code: &[u8]) -> Option<Decoded> {
    let insn = InstDecoder::default().decode_slice(code).ok()?;
    let len = insn.len().to_const();
    let operands = (0..insn.operand_count()).map(|n| operand(&insn, n, PC + len));
    let operands = operands.map(|operand| demoted(&insn, operand)).collect();
    Some(Decoded { len: usize::try_from(len).ok()?, mnemonic: mnemonic(&insn), operands })
}

/// Names that differ from iced's.
const ALIASES: [(&str, &str); 17] = [
    ("loopnz", "loopne"),
    ("loopz", "loope"),
    ("jz", "je"),
    ("jnz", "jne"),
    ("jnb", "jae"),
    ("jna", "jbe"),
    ("cmovz", "cmove"),
    ("cmovnz", "cmovne"),
    ("cmovnb", "cmovae"),
    ("cmovna", "cmovbe"),
    ("setz", "sete"),
    ("setnz", "setne"),
    ("setnb", "setae"),
    ("setna", "setbe"),
    ("return", "ret"),
    ("pushf", "pushfq"),
    ("popf", "popfq"),
];

fn mnemonic(insn: &Instruction) -> String {
    let name = insn.opcode().to_string();
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(&*name, |(_, usual)| usual);
    let name = by_prefixes(insn).unwrap_or(name);
    let lock = if insn.prefixes.lock() { "lock " } else { "" };
    let rep = if insn.prefixes.rep() && is_string(insn.opcode()) { "rep " } else { "" };
    format!("{lock}{rep}{name}{}", string_size(insn))
}

/// Names that Intel tells apart by prefix or opcode where this decoder has one for all.
fn by_prefixes(insn: &Instruction) -> Option<&'static str> {
    match (insn.opcode(), is_wide(insn)) {
        (Opcode::FXSAVE, true) => Some("fxsave64"),
        (Opcode::FXRSTOR, true) => Some("fxrstor64"),
        (Opcode::XSAVE, true) => Some("xsave64"),
        (Opcode::XSAVEOPT, true) => Some("xsaveopt64"),
        (Opcode::XRSTOR, true) => Some("xrstor64"),
        (Opcode::MOVQ, false) if involves_gpr(insn) => Some("movd"),
        (Opcode::NOP, _) if insn.prefixes.rep() => Some("pause"),
        (Opcode::INT, _) if insn.len().to_const() == 1 => Some("int3"),
        _ => None,
    }
}

fn is_wide(insn: &Instruction) -> bool {
    insn.prefixes.rex().is_some_and(|rex| rex.w())
}

fn involves_gpr(insn: &Instruction) -> bool {
    (0..insn.operand_count()).any(|n| match insn.operand(n) {
        long::Operand::Register { reg } => reg.class() == register_class::Q,
        _ => false,
    })
}

/// This version shows 64-bit operands of some instructions whether or not REX.W is there.
fn demoted(insn: &Instruction, operand: Operand) -> Operand {
    use Opcode::{BSWAP, BT, BTC, BTR, BTS, MOVQ};
    let affected = matches!(insn.opcode(), BSWAP | BT | BTC | BTR | BTS | MOVQ);
    match operand {
        Operand::Gpr(gpr, Width::W64) if affected && !is_wide(insn) => Operand::Gpr(gpr, Width::W32),
        Operand::Memory(address, 8) if affected && !is_wide(insn) && insn.opcode() != MOVQ => {
            Operand::Memory(address, 4)
        }
        other => other,
    }
}

fn is_string(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::MOVS | Opcode::STOS)
}

/// The size that Intel has in the names of string instructions.
fn string_size(insn: &Instruction) -> &'static str {
    if !is_string(insn.opcode()) {
        return "";
    }
    match insn.mem_size().and_then(|size| size.bytes_size()) {
        Some(1) => "b",
        Some(8) => "q",
        _ => "?",
    }
}

fn operand(insn: &Instruction, n: u8, next: u64) -> Operand {
    use long::Operand as Yax;
    let bytes = insn.mem_size().and_then(|size| size.bytes_size()).unwrap_or(0).into();
    let memory = |base, index, disp| Operand::Memory(address(insn, n, next, base, index, disp), bytes);
    match insn.operand(n) {
        Yax::Register { reg } => register(reg),
        Yax::AbsoluteU32 { addr } => memory(None, None, addr.cast_signed()),
        Yax::AbsoluteU64 { addr } => memory(None, None, addr as i32),
        Yax::MemDeref { base } => memory(Some(base), None, 0),
        Yax::Disp { base, disp } => memory(Some(base), None, disp),
        Yax::MemIndexScale { index, scale } => memory(None, Some((index, scale)), 0),
        Yax::MemIndexScaleDisp { index, scale, disp } => memory(None, Some((index, scale)), disp),
        Yax::MemBaseIndexScale { base, index, scale } => memory(Some(base), Some((index, scale)), 0),
        Yax::MemBaseIndexScaleDisp { base, index, scale, disp } => {
            memory(Some(base), Some((index, scale)), disp)
        }
        other => immediate(insn, next, other),
    }
}

fn immediate(insn: &Instruction, next: u64, operand: long::Operand) -> Operand {
    use long::Operand as Yax;
    let value = match operand {
        Yax::ImmediateI8 { imm } => i64::from(imm),
        Yax::ImmediateU8 { imm } => imm.into(),
        Yax::ImmediateI16 { imm } => imm.into(),
        Yax::ImmediateU16 { imm } => imm.into(),
        Yax::ImmediateI32 { imm } => imm.into(),
        Yax::ImmediateU32 { imm } => imm.into(),
        Yax::ImmediateI64 { imm } => imm,
        Yax::ImmediateU64 { imm } => imm.cast_signed(),
        other => return Operand::Other(format!("{other:?}")),
    };
    if is_branch(insn.opcode()) {
        Operand::Target(next.wrapping_add_signed(value))
    } else {
        Operand::Immediate(value.cast_unsigned(), 8)
    }
}

fn is_branch(opcode: Opcode) -> bool {
    use Opcode::{CALL, JECXZ, JMP, JRCXZ, LOOP, LOOPNZ, LOOPZ};
    opcode.is_jcc() || matches!(opcode, JMP | CALL | JRCXZ | JECXZ | LOOP | LOOPZ | LOOPNZ)
}

fn register(reg: RegSpec) -> Operand {
    let class = reg.class();
    let width = match class {
        register_class::Q => Width::W64,
        register_class::D => Width::W32,
        register_class::W => Width::W16,
        register_class::RB => Width::W8,
        register_class::B if reg.num() < 4 => Width::W8,
        register_class::X => return Xmm::from_number(reg.num()).map_or_else(|| other(reg), Operand::Xmm),
        _ => return other(reg),
    };
    Gpr::from_number(reg.num()).map_or_else(|| other(reg), |gpr| Operand::Gpr(gpr, width))
}

fn other(reg: RegSpec) -> Operand {
    Operand::Other(reg.name().to_owned())
}

fn address(
    insn: &Instruction,
    n: u8,
    next: u64,
    base: Option<RegSpec>,
    index: Option<(RegSpec, u8)>,
    disp: i32,
) -> Address {
    let segment = match insn.segment_override_for_op(n) {
        Some(Prefix::FS) => Segment::Fs,
        Some(Prefix::GS) => Segment::Gs,
        _ => Segment::None,
    };
    let index =
        index.and_then(|(index, factor)| Some((Gpr::from_number(index.num())?, scale_of(factor.into()))));
    let (base, disp) = match base {
        None => (Base::None, disp.into()),
        Some(RegSpec::RIP) => (Base::Rip, next.cast_signed() + i64::from(disp)),
        Some(base) => (Gpr::from_number(base.num()).map_or(Base::None, Base::Gpr), disp.into()),
    };
    Address { segment, base, index, disp }
}
