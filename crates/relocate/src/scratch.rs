//! Which register may stand in for rip.

use iced_x86::{Instruction, Mnemonic, OpKind};
use midstride_asm::Gpr;

use crate::gpr;
use crate::layout::Encoding;
use crate::relocate::Saved;
use crate::sets::GprSet;

/// The registers that can be a base without SIB byte and without displacement, best first. rsp and r12
/// would need the one, rbp and r13 the other.
const LOW: [Gpr; 6] = [Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rsi, Gpr::Rdi, Gpr::Rbx];
const HIGH: [Gpr; 6] = [Gpr::R11, Gpr::R10, Gpr::R9, Gpr::R8, Gpr::R14, Gpr::R15];

/// Registers that instructions with a ModRM memory operand use without naming them. The tests compare this
/// with iced's tables for every form.
const IMPLICIT: &[(Mnemonic, &[Gpr])] = &[
    (Mnemonic::Mul, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Imul, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Div, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Idiv, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Cmpxchg, &[Gpr::Rax]),
    (Mnemonic::Cmpxchg8b, &[Gpr::Rax, Gpr::Rdx, Gpr::Rbx, Gpr::Rcx]),
    (Mnemonic::Cmpxchg16b, &[Gpr::Rax, Gpr::Rdx, Gpr::Rbx, Gpr::Rcx]),
    (Mnemonic::Mulx, &[Gpr::Rdx]),
    (Mnemonic::Pcmpestri, &[Gpr::Rax, Gpr::Rdx, Gpr::Rcx]),
    (Mnemonic::Pcmpestri64, &[Gpr::Rax, Gpr::Rdx, Gpr::Rcx]),
    (Mnemonic::Vpcmpestri, &[Gpr::Rax, Gpr::Rdx, Gpr::Rcx]),
    (Mnemonic::Vpcmpestri64, &[Gpr::Rax, Gpr::Rdx, Gpr::Rcx]),
    (Mnemonic::Pcmpestrm, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Pcmpestrm64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Vpcmpestrm, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Vpcmpestrm64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Pcmpistri, &[Gpr::Rcx]),
    (Mnemonic::Vpcmpistri, &[Gpr::Rcx]),
    (Mnemonic::Xsave, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsave64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsaveopt, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsaveopt64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsavec, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsavec64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsaves, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xsaves64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xrstor, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xrstor64, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xrstors, &[Gpr::Rax, Gpr::Rdx]),
    (Mnemonic::Xrstors64, &[Gpr::Rax, Gpr::Rdx]),
];

/// A register to address memory with, and whether its value must be saved.
pub(crate) struct Scratch {
    pub(crate) reg: Gpr,
    pub(crate) saved: Saved,
}

/// Chooses a register that the instruction does not use: a free one if possible. The destination of a plain load
/// counts as not used; when it is free, nothing is better.
pub(crate) fn choose(iced: &Instruction, encoding: Encoding, free: GprSet) -> Option<Scratch> {
    let used = used(iced);
    let destination = load_destination(iced);
    let usable = encodable(iced, encoding);
    let dead = usable.intersection(free);
    let first_of = |set: GprSet| LOW.into_iter().chain(HIGH).find(|&reg| set.contains(reg));
    if let Some(reg) = first_of(dead.intersection(destination)).or_else(|| first_of(dead.minus(used))) {
        return Some(Scratch { reg, saved: Saved::No });
    }
    first_of(usable.minus(used)).map(|reg| Scratch { reg, saved: Saved::Yes })
}

/// Every register the instruction names or implies.
fn used(iced: &Instruction) -> GprSet {
    let named = gpr::operands(iced).fold(GprSet::EMPTY, |set, name| set | gpr::set_of(name));
    let implied = IMPLICIT.iter().find(|(mnemonic, _)| *mnemonic == iced.mnemonic());
    implied.map_or(&[][..], |(_, gprs)| gprs).iter().fold(named, |set, &gpr| set.with(gpr))
}

/// Loads that write their first operand and use no other register.
const LOADS: [Mnemonic; 5] =
    [Mnemonic::Mov, Mnemonic::Movzx, Mnemonic::Movsx, Mnemonic::Movsxd, Mnemonic::Popcnt];

/// The register a plain load replaces in full; it may hold the address until then.
fn load_destination(iced: &Instruction) -> GprSet {
    let loads = LOADS.contains(&iced.mnemonic()) && iced.op0_kind() == OpKind::Register;
    if loads && gpr::is_whole(iced.op0_register()) { gpr::set_of(iced.op0_register()) } else { GprSet::EMPTY }
}

/// The registers that the encoding can name as a base.
fn encodable(iced: &Instruction, encoding: Encoding) -> GprSet {
    let low = GprSet::from_iter(LOW);
    let needs_plain = encoding == Encoding::Plain && gpr::operands(iced).any(gpr::is_high_byte);
    if needs_plain || encoding == Encoding::Vex2 { low } else { low | GprSet::from_iter(HIGH) }
}
