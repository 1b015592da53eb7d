//! A copied instruction means at its new place what it meant at its old one.

use arbitrary::{Result, Unstructured};
use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use midstride_addr::{AppPc, CachePc, CodeOffset};
use midstride_asm::{Gpr, Mem, Writer};
use midstride_relocate::{
    DecodeError, FlagSet, Flow, GprSet, Insn, Live, MAX_INSN_BYTES, RelocateError, Relocated, Saved, Scanner,
    Spill, decode, live_in, load_target, relocate,
};

use super::code::{Emitted, address, constant, gpr, register};
use crate::instruction;

/// Bytes, an address they are at and one they are copied to: decoding is consistent, never looks behind what it was
/// given, and what is emitted decodes again to what was meant.
///
/// # Errors
/// When `u` is exhausted.
///
/// # Panics
/// When it does not hold.
pub fn relocate_bytes(u: &mut Unstructured<'_>) -> Result<()> {
    let bytes = if u.ratio(1, 4)? { u.arbitrary::<[u8; 16]>()?.to_vec() } else { instruction(u)? };
    let pc = AppPc::new(address(u)?);
    let more = u.arbitrary::<[u8; 4]>()?;
    match decode(&bytes, pc) {
        Ok(insn) => {
            every_beginning_is_truncated(&insn);
            let case = Case::of(u, &insn)?;
            case.is_copied();
            case.target_is_loaded(gpr(u)?);
        }
        Err(error) => stays_refused(error, &bytes, &more, pc),
    }
    Ok(())
}

fn every_beginning_is_truncated(insn: &Insn) {
    let bytes = insn.bytes();
    assert!(insn.len() == bytes.len() && (1..=MAX_INSN_BYTES).contains(&insn.len()));
    for available in 0..bytes.len() {
        let truncated = DecodeError::Truncated { pc: insn.pc(), available };
        assert_eq!(decode(&bytes[..available], insn.pc()).err(), Some(truncated), "of {insn:?}");
    }
}

/// What is invalid is so because of the bytes that were examined; nothing behind them matters.
fn stays_refused(error: DecodeError, bytes: &[u8], more: &[u8], pc: AppPc) {
    match error {
        DecodeError::Truncated { available, .. } => {
            assert!(available == bytes.len() && available < MAX_INSN_BYTES)
        }
        DecodeError::Invalid { examined, .. } => {
            assert!((1..=MAX_INSN_BYTES.min(bytes.len())).contains(&examined), "{error:?} of {bytes:02x?}");
            let other = [&bytes[..examined], more].concat();
            assert!(
                matches!(decode(&other, pc), Err(DecodeError::Invalid { .. })),
                "{bytes:02x?} but not {other:02x?}"
            );
        }
        DecodeError::TooLong { .. } => assert!(bytes.len() >= MAX_INSN_BYTES),
        other => panic!("unknown error {other:?}"),
    }
}

/// An instruction, and what a caller has to say about its copy.
struct Case<'i> {
    insn: &'i Insn,
    origin: CachePc,
    free: GprSet,
    slot: Mem,
}

impl Spill for Case<'_> {
    fn slot(&self) -> Mem {
        self.slot
    }
}

impl<'i> Case<'i> {
    fn of(u: &mut Unstructured<'_>, insn: &'i Insn) -> Result<Self> {
        let near = insn.pc().get().wrapping_add_signed(i64::from(u.arbitrary::<i32>()?));
        let origin = CachePc::new(if u.arbitrary()? { near } else { address(u)? });
        let live_out =
            Live { gprs: GprSet::from_bits(u.arbitrary()?), flags: FlagSet::from_bits(u.arbitrary()?) };
        let live = live_in(&Scanner::new().effects(insn), live_out);
        let slot = if u.arbitrary()? {
            Mem::rip(origin.get().wrapping_add(0x1000))
        } else {
            Mem::abs32(0x80).seg(midstride_asm::Segment::Gs)
        };
        Ok(Self { insn, origin, free: live.gprs.complement().without(Gpr::Rsp), slot })
    }

    fn is_copied(&self) {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer, self.origin);
        let result = relocate(self.insn, &mut writer, self, self.free);
        if !self.insn.flow().is_copyable() {
            assert!(matches!(result, Err(RelocateError::Transfer { .. })) && writer.written().is_empty());
            return;
        }
        let relocated = result.unwrap_or_else(|error| panic!("{:?}: {error}", self.insn));
        let code = writer.finish().expect("a good copy has no sticky error");
        self.judge(relocated, &self.emitted(code.bytes()));
    }

    fn emitted<'c>(&'c self, code: &'c [u8]) -> Emitted<'c> {
        Emitted { from: self.insn.bytes(), from_pc: self.insn.pc().get(), code, origin: self.origin }
    }

    fn judge(&self, relocated: Relocated, emitted: &Emitted<'_>) {
        match relocated {
            Relocated::Verbatim => {
                assert_eq!(emitted.code, self.insn.bytes());
                assert!(!self.insn.iced().is_ip_rel_memory_operand(), "it depends on its place\n{emitted}");
            }
            Relocated::Patched => self.judge_patched(emitted),
            Relocated::Scratch { reg, saved, insn, restore } => {
                self.judge_scratch(reg, saved, [insn, restore], emitted);
            }
        }
    }

    /// One instruction with the same operands, or for `lea` the address itself.
    fn judge_patched(&self, emitted: &Emitted<'_>) {
        let original = self.insn.iced();
        let insns = emitted.decoded();
        let [copy] = insns[..] else { panic!("more than one instruction\n{emitted}") };
        if let Some(found) = constant(&copy) {
            let wanted = (original.op0_register().full_register(), original.ip_rel_memory_address());
            assert!(original.mnemonic() == Mnemonic::Lea && found == wanted, "another address\n{emitted}");
            return;
        }
        let mut wanted = *original;
        if original.mnemonic() == Mnemonic::Lea && original.op0_register() < Register::RAX {
            // A narrow destination drops the upper half of the address.
            let high = copy.memory_displacement64() >> 32 << 32;
            wanted.set_memory_displacement64(high | original.memory_displacement64() & 0xffff_ffff);
        }
        assert!(copy == wanted, "another meaning\n{emitted}");
    }

    /// `[mov slot, reg]  mov reg, address  (insn:) the instruction with [reg]  (restore:) [mov reg, slot]`
    fn judge_scratch(&self, reg: Gpr, saved: Saved, [insn, restore]: [CodeOffset; 2], emitted: &Emitted<'_>) {
        let insns = emitted.decoded();
        let offset = |insn: &Instruction| insn.ip().wrapping_sub(self.origin.get());
        let at = |wanted: CodeOffset| insns.iter().position(|insn| offset(insn) == u64::from(wanted.get()));
        let steps = match saved {
            Saved::Yes => [Some(2), Some(3)],
            Saved::No => [Some(1), None],
        };
        assert_eq!([at(insn), at(restore)], steps, "the offsets are wrong\n{emitted}");
        let copy =
            insns.iter().position(|step| offset(step) == u64::from(insn.get())).map_or(0, |index| index);
        let target = self.insn.iced().ip_rel_memory_address();
        assert_eq!(constant(&insns[copy - 1]), Some((register(reg), target)), "another address\n{emitted}");
        assert!(insns[copy] == through(self.insn.iced(), reg, &insns[copy]), "another meaning\n{emitted}");
        self.judge_register(reg, saved, emitted);
        if saved == Saved::Yes {
            let (save, load) = (&insns[0], &insns[3]);
            let moves = [save.op1_register(), load.op0_register()] == [register(reg); 2];
            assert!(moves && is_slot(save) && is_slot(load) && insns.len() == 4, "not put back\n{emitted}");
        }
    }

    /// A saved scratch register has no part in the instruction; one that is not saved was free and is not read.
    fn judge_register(&self, reg: Gpr, saved: Saved, emitted: &Emitted<'_>) {
        let mut factory = InstructionInfoFactory::new();
        let used = factory.info(self.insn.iced()).used_registers().iter();
        let of_reg = used.filter(|used| used.register().full_register() == register(reg));
        let accesses: Vec<OpAccess> = of_reg.map(|used| used.access()).collect();
        match saved {
            Saved::Yes => assert!(accesses.is_empty(), "the instruction uses {reg:?} itself\n{emitted}"),
            Saved::No => {
                let only_written =
                    accesses.iter().all(|access| matches!(access, OpAccess::Write | OpAccess::CondWrite));
                assert!(self.free.contains(reg) && only_written, "{reg:?} was not free\n{emitted}");
            }
        }
    }

    /// An indirect branch's operand is loaded by the same address, or it says that there is none.
    fn target_is_loaded(&self, dst: Gpr) {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer, self.origin);
        let result = load_target(self.insn, &mut writer, dst);
        if !matches!(self.insn.flow(), Flow::JumpIndirect | Flow::CallIndirect) {
            assert!(matches!(result, Err(RelocateError::NotIndirect { .. })) && writer.written().is_empty());
            return;
        }
        result.unwrap_or_else(|error| panic!("{:?}: {error}", self.insn));
        let code = writer.finish().expect("a good load has no sticky error");
        let emitted = self.emitted(code.bytes());
        let insns = emitted.decoded();
        let Some((load, before)) = insns.split_last() else {
            let is_there = self.insn.iced().op0_register() == register(dst);
            return assert!(is_there, "nothing is written only where the target is in place\n{emitted}");
        };
        let is_load = load.mnemonic() == Mnemonic::Mov && load.op0_register() == register(dst);
        assert!(is_load && self.is_same_operand(load, before, dst), "another target\n{emitted}");
    }

    /// Whether `load` (behind `before`) reads what the branch reads.
    fn is_same_operand(&self, load: &Instruction, before: &[Instruction], dst: Gpr) -> bool {
        let branch = self.insn.iced();
        match (branch.op0_kind(), before) {
            (OpKind::Register, []) => load.op1_register() == branch.op0_register(),
            (OpKind::Memory, []) => operand(load) == operand(branch),
            (OpKind::Memory, [mov]) => {
                constant(mov) == Some((register(dst), branch.ip_rel_memory_address()))
                    && operand(load) == (register(dst), Register::None, 1, 0, segment(branch))
            }
            _ => false,
        }
    }
}

/// What `original` becomes when its operand is `[reg]`; encoding details are those of `copy`.
fn through(original: &Instruction, reg: Gpr, copy: &Instruction) -> Instruction {
    let mut wanted = *original;
    wanted.set_memory_base(register(reg));
    wanted.set_memory_displacement64(0);
    wanted.set_memory_displ_size(copy.memory_displ_size());
    wanted
}

/// What says which memory is meant.
fn operand(insn: &Instruction) -> (Register, Register, u32, u64, Register) {
    let displacement = insn.memory_displacement64();
    (insn.memory_base(), insn.memory_index(), insn.memory_index_scale(), displacement, segment(insn))
}

/// The segment register whose base is added; the processor ignores overrides other than FS and GS.
fn segment(insn: &Instruction) -> Register {
    let known = [Register::FS, Register::GS].into_iter().find(|&segment| segment == insn.segment_prefix());
    known.unwrap_or(Register::None)
}

/// Whether the instruction's memory operand is one of the slots that cases use.
fn is_slot(insn: &Instruction) -> bool {
    insn.mnemonic() == Mnemonic::Mov
        && (insn.is_ip_rel_memory_operand() || insn.memory_segment() == Register::GS)
        && !insn.is_privileged()
}
