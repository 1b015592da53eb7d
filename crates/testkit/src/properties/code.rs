//! Code that was made from other code, ready to be judged.

use std::fmt;

use arbitrary::{Result, Unstructured};
use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use midstride_addr::CachePc;
use midstride_asm::Gpr;

use crate::Listing;

/// Emitted code and what it was made from; displays as both listings.
pub(super) struct Emitted<'c> {
    pub(super) from: &'c [u8],
    pub(super) from_pc: u64,
    pub(super) code: &'c [u8],
    pub(super) origin: CachePc,
}

impl Emitted<'_> {
    /// The instructions of the code.
    ///
    /// # Panics
    /// When some of its bytes are none.
    pub(super) fn decoded(&self) -> Vec<Instruction> {
        let decoder = Decoder::with_ip(64, self.code, self.origin.get(), DecoderOptions::NONE);
        let insns: Vec<Instruction> = decoder.into_iter().collect();
        assert!(!insns.iter().any(Instruction::is_invalid), "emitted bytes are no instructions\n{self}");
        insns
    }
}

impl fmt::Display for Emitted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = Listing::new(self.from).at(CachePc::new(self.from_pc));
        let code = Listing::new(self.code).at(self.origin);
        write!(f, "from {:#x}:\n{from}emitted at {}:\n{code}", self.from_pc, self.origin)
    }
}

/// The register and the whole 64-bit value of a `mov` of a constant.
pub(super) fn constant(insn: &Instruction) -> Option<(Register, u64)> {
    let is_immediate =
        matches!(insn.op1_kind(), OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64);
    let is_mov = insn.mnemonic() == iced_x86::Mnemonic::Mov && insn.op0_kind() == OpKind::Register;
    (is_mov && is_immediate).then(|| (insn.op0_register().full_register(), insn.immediate(1)))
}

/// iced's name of a whole general register.
pub(super) fn register(gpr: Gpr) -> Register {
    Register::RAX + u32::from(gpr.number())
}

/// A general register.
pub(super) fn gpr(u: &mut Unstructured<'_>) -> Result<Gpr> {
    Ok(*u.choose(&Gpr::ALL)?)
}

/// An address in one of the places where programs and caches lie, or anywhere.
pub(super) fn address(u: &mut Unstructured<'_>) -> Result<u64> {
    const PLACES: [u64; 5] = [0x40_0000, 0x7fff_0000, 0x1_0000_0000, 0x5555_5555_0000, 0x7fff_f7fc_0000];
    let place = *u.choose(&PLACES)?;
    Ok(if u.ratio(1, 16)? { u.arbitrary()? } else { place + u64::from(u.arbitrary::<u16>()?) })
}
