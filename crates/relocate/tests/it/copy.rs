//! What the other modules use: an instruction, its copy, and the claim that both do the same.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use midstride_addr::{AppPc, CachePc};
use midstride_asm::{Gpr, Mem, Writer};
use midstride_relocate::{GprSet, Insn, RelocateError, Relocated, Saved, Spill, decode, relocate};

/// Where the program has its instruction.
pub(crate) const PC: AppPc = AppPc::new(0x1_4000_1000);
/// A place for copies from which everything near [`PC`] is in reach.
pub(crate) const NEAR: CachePc = CachePc::new(0x1_5000_0000);
/// A place for copies from which nothing near [`PC`] is in reach.
pub(crate) const FAR: CachePc = CachePc::new(0x7f00_0000_0000);

/// Spills beside the cache at this place, as a thread's slots are.
pub(crate) struct Slot(pub(crate) CachePc);

impl Slot {
    /// The address of the slot.
    pub(crate) fn address(&self) -> u64 {
        self.0.get() + 0x1000_0000
    }
}

impl Spill for Slot {
    fn slot(&self) -> Mem {
        Mem::rip(self.address())
    }
}

/// The first instruction of `bytes` at [`PC`].
pub(crate) fn insn(bytes: &[u8]) -> Insn {
    decode(bytes, PC).unwrap()
}

/// What became of an instruction, and the bytes.
pub(crate) struct Copy {
    pub(crate) relocated: Relocated,
    pub(crate) code: Vec<u8>,
    pub(crate) at: CachePc,
}

/// Copies `insn` to `at`.
pub(crate) fn copy(insn: &Insn, at: CachePc, free: GprSet) -> Result<Copy, RelocateError> {
    let mut buffer = [0; 64];
    let mut w = Writer::new(&mut buffer, at);
    let relocated = relocate(insn, &mut w, &Slot(at), free)?;
    let code = w.finish().unwrap().bytes().to_vec();
    Ok(Copy { relocated, code, at })
}

impl Copy {
    /// The instructions of the copy, decoded where it lies.
    pub(crate) fn decoded(&self) -> Vec<Instruction> {
        Decoder::with_ip(64, &self.code, self.at.get(), DecoderOptions::NONE).into_iter().collect()
    }

    /// Fails unless the copy does what `insn` does.
    pub(crate) fn assert_equivalent(&self, insn: &Insn) {
        match self.relocated {
            Relocated::Verbatim => assert_eq!(self.code, insn.bytes(), "{insn:?}"),
            Relocated::Patched => assert_patched(insn, &self.decoded()),
            Relocated::Scratch { reg, saved, insn: start, restore } => {
                let code = self.decoded();
                let at = |ip: u64| code.iter().position(|insn| insn.ip() == ip);
                assert_eq!(
                    at(start.at(self.at).get()),
                    Some(code.len() - if saved == Saved::Yes { 2 } else { 1 })
                );
                if saved == Saved::Yes {
                    assert_eq!(at(restore.at(self.at).get()), Some(code.len() - 1));
                } else {
                    assert_eq!(restore.get() as usize, self.code.len());
                }
                assert_scratch(insn, &code, reg, saved, Slot(self.at).address());
            }
        }
    }
}

/// One instruction: the original, or a constant in place of `lea`.
fn assert_patched(insn: &Insn, code: &[Instruction]) {
    let [got] = code else { panic!("{insn:?} became {code:?}") };
    let address = insn.iced().ip_rel_memory_address();
    if let Some((register, value)) = constant(got) {
        assert_eq!((register, value), (insn.iced().op0_register(), address), "{insn:?}");
        return;
    }
    let mut want = *insn.iced();
    if want.op0_register().size() < 8 && want.mnemonic() == Mnemonic::Lea {
        // Only the low half is loaded.
        assert_eq!(got.memory_displacement64() as u32, address as u32, "{insn:?}");
        want.set_memory_displacement64(got.memory_displacement64());
    }
    assert_same(&want, got);
}

/// `[save] constant insn [restore]`, and the instruction through `[reg]` is the original.
fn assert_scratch(insn: &Insn, code: &[Instruction], reg: Gpr, saved: Saved, slot: u64) {
    let base = Register::RAX + u32::from(reg.number());
    let mut code = code.iter();
    let mut next = || *code.next().unwrap_or_else(|| panic!("{insn:?}: the copy is too short"));
    if saved == Saved::Yes {
        let save = next();
        assert_eq!(save.mnemonic(), Mnemonic::Mov, "{insn:?}");
        assert_eq!((save.op0_kind(), save.op1_register()), (OpKind::Memory, base), "{insn:?}");
        assert_eq!(save.ip_rel_memory_address(), slot);
    }
    assert_eq!(constant(&next()), Some((base, insn.iced().ip_rel_memory_address())), "{insn:?}");
    let mut want = *insn.iced();
    want.set_memory_base(base);
    want.set_memory_displacement64(0);
    want.set_memory_displ_size(0);
    assert_same(&want, &next());
    if saved == Saved::Yes {
        let restore = next();
        assert_eq!(restore.mnemonic(), Mnemonic::Mov, "{insn:?}");
        assert_eq!((restore.op0_register(), restore.op1_kind()), (base, OpKind::Memory), "{insn:?}");
        assert_eq!(restore.ip_rel_memory_address(), slot);
    }
    assert!(code.next().is_none(), "{insn:?}: the copy is too long");
}

/// The register and the value of `mov r, imm`, the register in its 64-bit name.
fn constant(insn: &Instruction) -> Option<(Register, u64)> {
    let immediate =
        matches!(insn.op1_kind(), OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64);
    let loads = insn.mnemonic() == Mnemonic::Mov && insn.op0_kind() == OpKind::Register;
    (loads && immediate).then(|| (insn.op0_register().full_register(), insn.immediate(1)))
}

/// Equal in everything but place and length.
fn assert_same(want: &Instruction, got: &Instruction) {
    let mut want = *want;
    want.set_next_ip(got.next_ip());
    want.set_len(got.len());
    assert!(want.eq_all_bits(got), "{:?} became {:?}: {want} became {got}", want.code(), got.code());
}
