//! Loading where an indirect branch goes.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};
use midstride_addr::CachePc;
use midstride_asm::{EmitError, Gpr, Writer};
use midstride_relocate::{Flow, GprSet, Insn, RelocateError, load_target, relocate};
use midstride_testkit::Random;

use crate::copy::{FAR, NEAR, PC, Slot, insn};

fn load(insn: &Insn, at: CachePc, dst: Gpr) -> Vec<Instruction> {
    let mut buffer = [0; 32];
    let mut w = Writer::new(&mut buffer, at);
    load_target(insn, &mut w, dst).unwrap();
    let code = w.finish().unwrap().bytes().to_vec();
    Decoder::with_ip(64, &code, at.get(), DecoderOptions::NONE).into_iter().collect()
}

fn name(gpr: Gpr) -> Register {
    Register::RAX + u32::from(gpr.number())
}

/// Fails unless `load` reads the operand of `branch` into `dst`.
fn assert_loads(branch: &Insn, load: &Instruction, dst: Gpr) {
    let branch = branch.iced();
    assert_eq!((load.op0_kind(), load.op0_register()), (OpKind::Register, name(dst)));
    if branch.op0_kind() == OpKind::Register {
        assert_eq!(load.op1_register(), branch.op0_register());
        return;
    }
    assert_eq!(load.code(), Code::Mov_r64_rm64);
    assert_eq!(load.memory_segment(), effective_segment(branch));
    assert_eq!((load.memory_base(), load.memory_index()), (branch.memory_base(), branch.memory_index()));
    assert_eq!(load.memory_index_scale(), branch.memory_index_scale());
    assert_eq!(load.memory_displacement64(), branch.memory_displacement64());
}

/// 64-bit mode knows FS and GS; SS is the default for stack operands, DS for the others, both with base 0.
fn effective_segment(branch: &Instruction) -> Register {
    match branch.segment_prefix() {
        prefix @ (Register::FS | Register::GS) => prefix,
        _ if matches!(
            branch.memory_base(),
            Register::RSP | Register::RBP | Register::ESP | Register::EBP
        ) =>
        {
            Register::SS
        }
        _ => Register::DS,
    }
}

/// A `call` or `jmp` through any register or memory operand, with prefixes.
fn random_branch(random: &mut Random) -> Insn {
    const PREFIXES: [&[u8]; 7] = [&[], &[0x64], &[0x65], &[0x67], &[0x3e], &[0x65, 0x67], &[0xf2]];
    let prefixes = PREFIXES[random.below(7) as usize];
    let rex = 0x40 | random.below(16) as u8;
    let mut operand = random.bytes(8);
    operand[0] = operand[0] & 0xc7 | [0x10, 0x20][random.below(2) as usize];
    insn(&[prefixes, &[rex, 0xff], &operand].concat())
}

#[test]
fn every_operand_is_loaded_as_the_branch_would() {
    let mut random = Random::new(9);
    let mut memory = 0;
    for _ in 0..30_000 {
        let branch = random_branch(&mut random);
        assert!(matches!(branch.flow(), Flow::JumpIndirect | Flow::CallIndirect), "{branch:?}");
        let dst = Gpr::ALL[random.below(16) as usize];
        match &load(&branch, NEAR, dst)[..] {
            [] => assert_eq!(branch.iced().op0_register(), name(dst)),
            [one] => assert_loads(&branch, one, dst),
            [constant, through] => assert_loads_far(&branch, constant, through, dst),
            other => panic!("{branch:?} is loaded by {other:?}"),
        }
        memory += usize::from(branch.iced().op0_kind() == OpKind::Memory);
    }
    assert!(memory > 10_000, "{memory}");
}

/// The displacement is out of reach: the address comes first.
fn assert_loads_far(branch: &Insn, constant: &Instruction, through: &Instruction, dst: Gpr) {
    let address = branch.iced().ip_rel_memory_address();
    assert_eq!((constant.op0_register().full_register(), constant.immediate(1)), (name(dst), address));
    assert_eq!((through.memory_base(), through.memory_displacement64()), (name(dst), 0));
    assert_eq!(through.op0_register(), name(dst));
}

#[test]
fn a_rip_relative_operand_out_of_reach_is_addressed_through_the_destination() {
    let branch = insn(&[0x65, 0xff, 0x25, 0x00, 0x10, 0x00, 0x00]);
    for dst in Gpr::ALL {
        let code = load(&branch, FAR, dst);
        assert_eq!(code[0].immediate(1), PC.get() + 7 + 0x1000);
        assert_eq!((code[1].segment_prefix(), code[1].memory_base()), (Register::GS, name(dst)));
    }
}

#[test]
fn an_eip_relative_operand_is_always_in_reach() {
    let branch = insn(&[0x67, 0xff, 0x15, 0x00, 0x10, 0x00, 0x00]);
    let code = load(&branch, FAR, Gpr::Rcx);
    assert_eq!(code.len(), 1);
    assert_eq!(code[0].memory_base(), Register::EIP);
    assert_eq!(code[0].ip_rel_memory_address(), u64::from(PC.get() as u32 + 7 + 0x1000));
}

#[test]
fn only_indirect_near_branches_have_a_target_to_load() {
    for bytes in [&[0x90][..], &[0xeb, 0x00], &[0xff, 0x28], &[0xc3], &[0x66, 0xff, 0xe0]] {
        let insn = insn(bytes);
        let mut buffer = [0; 32];
        let mut w = Writer::new(&mut buffer, NEAR);
        let error = load_target(&insn, &mut w, Gpr::Rax).unwrap_err();
        assert_eq!(error, RelocateError::NotIndirect { pc: PC, flow: insn.flow() });
        assert_eq!(w.offset().get(), 0);
    }
}

#[test]
fn a_full_buffer_is_the_writers_error() {
    let mut buffer = [0; 2];
    let mut w = Writer::new(&mut buffer, NEAR);
    let error = load_target(&insn(&[0xff, 0x10]), &mut w, Gpr::Rax).unwrap_err();
    assert!(matches!(error, RelocateError::Emit(EmitError::Full { .. })), "{error:?}");
    let mut w = Writer::new(&mut buffer, NEAR);
    let error = relocate(&insn(&[0x48, 0x89, 0xc8]), &mut w, &Slot(NEAR), GprSet::EMPTY).unwrap_err();
    assert!(matches!(error, RelocateError::Emit(EmitError::Full { .. })), "{error:?}");
    let source = core::error::Error::source(&error).unwrap().to_string();
    assert!(!source.is_empty() && error.to_string() == "the copy cannot be written");
}
