//! Every form that can have a rip-relative operand, near and far.

use std::collections::BTreeSet;

use iced_x86::{Code, EncodingKind, InstructionInfoFactory, OpAccess, OpCodeOperandKind, Register};
use midstride_asm::Gpr;
use midstride_relocate::{GprSet, Insn, RelocateError, Relocated, Saved};

use crate::copy::{Copy, FAR, NEAR, copy};
use crate::forms::{self, Visit};

/// The forms of 64-bit mode in `kinds` that have a ModRM memory operand without mandatory SIB byte.
fn expected(kinds: &[EncodingKind]) -> BTreeSet<String> {
    let exists = |code: &Code| {
        let info = code.op_code();
        kinds.contains(&info.encoding())
            && info.is_instruction()
            && info.mode64()
            && info.intel_decoder64()
            && info.decoder_option() == 0
            // `fstenv` and its like are `fwait` and another instruction.
            && !info.fwait()
            && info.op_kinds().iter().copied().any(is_modrm_memory)
    };
    let named = Code::values().filter(exists).map(|code| format!("{code:?}"));
    // iced names the no-ops behind `prefetch`, and decodes them as `prefetch`.
    named.filter(|name| !name.ends_with("0F0D")).collect()
}

fn is_modrm_memory(kind: OpCodeOperandKind) -> bool {
    let name = format!("{kind:?}");
    name == "mem"
        || name == "mem_mpx"
        || name == "mem_mib"
        || name.ends_with("_or_mem")
        || name.ends_with("_or_mem_mpx")
}

/// Which registers are free: none, all, only those that need a prefix bit, and each of the others alone.
const FREE: [GprSet; 9] = [
    GprSet::EMPTY,
    GprSet::ALL,
    GprSet::from_bits(0xff00),
    GprSet::of(Gpr::Rax),
    GprSet::of(Gpr::Rcx),
    GprSet::of(Gpr::Rdx),
    GprSet::of(Gpr::Rbx),
    GprSet::of(Gpr::Rsi),
    GprSet::of(Gpr::Rdi),
];

struct Corpus {
    seen: BTreeSet<String>,
    instructions: usize,
    factory: InstructionInfoFactory,
}

impl Corpus {
    fn check(&mut self, insn: &Insn) {
        self.instructions += 1;
        self.seen.insert(format!("{:?}", insn.iced().code()));
        if !insn.flow().is_copyable() {
            assert_eq!(
                copy(insn, NEAR, GprSet::EMPTY).err(),
                Some(RelocateError::Transfer { pc: insn.pc(), flow: insn.flow() })
            );
            return;
        }
        let near = copy(insn, NEAR, GprSet::ALL).unwrap();
        assert_eq!((near.relocated, near.code.len()), (Relocated::Patched, insn.len()));
        near.assert_equivalent(insn);
        for free in FREE {
            let far = copy(insn, FAR, free).unwrap();
            far.assert_equivalent(insn);
            self.check_scratch(insn, &far, free);
        }
    }

    /// The scratch register is one the instruction does not use, or a destination that it only writes.
    fn check_scratch(&mut self, insn: &Insn, far: &Copy, free: GprSet) {
        let Relocated::Scratch { reg, saved, .. } = far.relocated else { return };
        let info = self.factory.info(insn.iced());
        let same = |name: Register| name.full_register() == Register::RAX + u32::from(reg.number());
        for used in info.used_registers().iter().filter(|used| same(used.register())) {
            assert_eq!(used.access(), OpAccess::Write, "{insn:?} uses {reg:?}");
            assert_eq!(info.op0_access(), OpAccess::Write, "{insn:?} uses {reg:?}");
            assert!(used.register().size() >= 4 && free.contains(reg), "{insn:?} uses {reg:?}");
        }
        assert_eq!(saved == Saved::No, free.contains(reg), "{insn:?}");
    }

    fn run(kinds: &[EncodingKind], form: fn(Visit<'_>)) -> Self {
        let mut corpus =
            Self { seen: BTreeSet::new(), instructions: 0, factory: InstructionInfoFactory::new() };
        form(&mut |insn| corpus.check(insn));
        let missed: Vec<_> = expected(kinds).difference(&corpus.seen).cloned().collect();
        assert_eq!(missed, Vec::<String>::new(), "forms that were not generated");
        corpus
    }
}

/// At least so many forms and instructions; a newer decoder may know more.
#[track_caller]
fn assert_covered(corpus: &Corpus, forms: usize, instructions: usize) {
    let (seen, tried) = (corpus.seen.len(), corpus.instructions);
    println!("{seen} forms, {tried} instructions");
    assert!(seen >= forms && tried >= instructions, "only {seen} forms and {tried} instructions");
}

#[test]
fn every_legacy_form_does_the_same_elsewhere() {
    assert_covered(&Corpus::run(&[EncodingKind::Legacy], forms::legacy), 1047, 143_880);
}

#[test]
fn every_3dnow_form_does_the_same_elsewhere() {
    assert_covered(&Corpus::run(&[EncodingKind::D3NOW], forms::three_d_now), 24, 192);
}

#[test]
fn every_vex_and_xop_form_does_the_same_elsewhere() {
    let kinds = [EncodingKind::VEX, EncodingKind::XOP];
    assert_covered(&Corpus::run(&kinds, forms::vex_and_xop), 914, 67_992);
}

#[test]
fn every_evex_form_does_the_same_elsewhere() {
    assert_covered(&Corpus::run(&[EncodingKind::EVEX], forms::evex), 1617, 166_844);
}
