//! Mistakes known from other rewriters, each shown not to be made here.

use iced_x86::{Mnemonic, OpKind, Register};
use midstride_asm::{Gpr, Writer};
use midstride_relocate::{
    Counted, CounterWidth, Flow, GprSet, RelocateError, Relocated, Saved, load_target, relocate,
};

use crate::copy::{FAR, NEAR, PC, Slot, copy, insn};

/// A displacement, and bytes to serve as immediates.
const TAIL: [u8; 8] = [0x00, 0x10, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44];

/// Copies the instruction `head` with displacement and immediates out of reach, with any register free; answers
/// the scratch register.
#[track_caller]
fn far_scratch(head: &[u8], free: GprSet) -> (Gpr, Saved) {
    let bytes = [head, &TAIL].concat();
    let insn = insn(&bytes);
    let far = copy(&insn, FAR, free).unwrap();
    far.assert_equivalent(&insn);
    match far.relocated {
        Relocated::Scratch { reg, saved, .. } => (reg, saved),
        other => panic!("{insn:?} became {other:?}"),
    }
}

#[test]
fn rex_r_belongs_to_the_register_that_scratch_must_avoid() {
    for reg in Gpr::ALL {
        let rex = 0x48 | (reg.number() >> 3) << 2;
        // mov [rip+x], reg
        let head = [rex, 0x89, (reg.number() & 7) << 3 | 5];
        for free in [GprSet::EMPTY, GprSet::ALL, GprSet::of(reg), GprSet::from_bits(0xff00)] {
            assert_ne!(far_scratch(&head, free).0, reg);
        }
    }
}

#[test]
fn vex_vvvv_names_a_register_that_scratch_must_avoid() {
    for reg in Gpr::ALL {
        let last = 0x80 | (!reg.number() & 15) << 3;
        // andn r13, reg, [rip+x]; bzhi r13, [rip+x], reg; shlx, sarx, shrx; pdep, pext; mulx r13, reg, [rip+x]
        let forms = [(0xf2, 0), (0xf5, 0), (0xf7, 1), (0xf7, 2), (0xf7, 3), (0xf5, 3), (0xf5, 2), (0xf6, 3)];
        for (opcode, prefix) in forms {
            let head = [0xc4, 0x62, last | prefix, opcode, 0x2d];
            for free in [GprSet::EMPTY, GprSet::ALL, GprSet::of(reg)] {
                assert_ne!(far_scratch(&head, free).0, reg, "{opcode:#x}");
            }
        }
    }
}

#[test]
fn a_base_bit_that_rip_ignored_does_not_choose_another_register() {
    // REX.B set, ~B clear in VEX and EVEX: nothing to rip, r8 to r15 to any other base.
    let heads: [&[u8]; 4] = [
        &[0x49, 0x8b, 0x0d],
        &[0xc4, 0xc1, 0x78, 0x28, 0x05],
        &[0x62, 0xd1, 0x7c, 0x48, 0x28, 0x05],
        &[0x8f, 0xc9, 0x78, 0x81, 0x05],
    ];
    for head in heads {
        let (reg, _) = far_scratch(head, GprSet::EMPTY);
        assert!(reg.number() < 8, "{reg:?}");
    }
}

#[test]
fn a_high_base_register_gets_its_bit() {
    let high = GprSet::of(Gpr::R11);
    let heads: [&[u8]; 5] = [
        &[0x8b, 0x0d],
        &[0x48, 0x8b, 0x0d],
        &[0x66, 0x0f, 0x6f, 0x05],
        &[0xc4, 0xe1, 0x78, 0x28, 0x05],
        &[0x62, 0xf1, 0x7c, 0x48, 0x28, 0x05],
    ];
    for head in heads {
        assert_eq!(far_scratch(head, high), (Gpr::R11, Saved::No));
    }
}

#[test]
fn high_byte_registers_never_meet_a_rex_prefix() {
    // mov [rip+x], ah; add ch, [rip+x]; xchg [rip+x], bh
    for head in [[0x88, 0x25], [0x02, 0x2d], [0x86, 0x3d]] {
        let (reg, saved) = far_scratch(&head, GprSet::of(Gpr::R11));
        assert_eq!((reg.number() < 8, saved), (true, Saved::Yes));
    }
}

#[test]
fn two_byte_vex_has_no_bit_for_a_high_base() {
    let (reg, saved) = far_scratch(&[0xc5, 0xf8, 0x28, 0x05], GprSet::of(Gpr::R11));
    assert_eq!((reg.number() < 8, saved), (true, Saved::Yes));
}

#[test]
fn a_rex_prefix_that_does_not_count_stays_without_effect() {
    // 4fh before 66h is ignored: mov ax, [rip+x].
    let head = [0x4f, 0x66, 0x8b, 0x05];
    far_scratch(&head, GprSet::EMPTY);
    far_scratch(&head, GprSet::of(Gpr::R9));
}

#[test]
fn implicit_registers_are_not_scratch() {
    // mul, div, cmpxchg, cmpxchg16b, xsave: all that they use is rax, rcx, rdx and rbx.
    let heads: [&[u8]; 5] = [
        &[0xf7, 0x25],
        &[0x48, 0xf7, 0x35],
        &[0xf0, 0x0f, 0xb1, 0x3d],
        &[0x48, 0x0f, 0xc7, 0x0d],
        &[0x0f, 0xae, 0x25],
    ];
    let used = [Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rbx];
    for head in heads {
        let (reg, _) = far_scratch(head, used.into_iter().collect());
        let free_to_use = head[1] == 0x0f || !matches!(reg, Gpr::Rax | Gpr::Rdx);
        assert!(free_to_use && reg != Gpr::Rax, "{head:02x?}: {reg:?}");
    }
    let (reg, _) = far_scratch(&[0x48, 0x0f, 0xc7, 0x0d], used.into_iter().collect());
    assert!(!used.contains(&reg));
}

#[test]
fn rsp_is_the_programs_own_while_the_copy_runs() {
    // push [rip+x]; pop [rip+x]; mov [rip+x], rsp; mov rsp, [rip+x]; xchg [rip+x], rsp; cmp rsp, [rip+x]
    let heads: [&[u8]; 6] = [
        &[0xff, 0x35],
        &[0x8f, 0x05],
        &[0x48, 0x89, 0x25],
        &[0x48, 0x8b, 0x25],
        &[0x48, 0x87, 0x25],
        &[0x48, 0x3b, 0x25],
    ];
    for head in heads {
        let insn = insn(&[head, &TAIL].concat());
        let far = copy(&insn, FAR, GprSet::EMPTY).unwrap();
        far.assert_equivalent(&insn);
        let code = far.decoded();
        assert_eq!(code.len(), 4);
        for ours in [&code[0], &code[1], &code[3]] {
            assert_eq!(ours.mnemonic(), Mnemonic::Mov);
            assert_eq!((ours.stack_pointer_increment(), ours.rflags_modified()), (0, 0));
            assert_ne!(ours.op0_register(), Register::RSP);
        }
    }
}

#[test]
fn an_eip_relative_operand_stays_in_the_low_4_gib() {
    // mov rax, [eip+x] with a copy anywhere: the same zero-extended address.
    let insn = insn(&[0x67, 0x48, 0x8b, 0x05, 0x00, 0x10, 0x00, 0x00]);
    let address = PC.get() as u32 + 8 + 0x1000;
    assert_eq!(insn.iced().ip_rel_memory_address(), u64::from(address));
    for at in [NEAR, FAR] {
        let copied = copy(&insn, at, GprSet::EMPTY).unwrap();
        assert_eq!(copied.relocated, Relocated::Patched);
        copied.assert_equivalent(&insn);
        assert_eq!(copied.decoded()[0].memory_base(), Register::EIP);
    }
}

#[test]
fn lea_into_a_narrow_register_is_in_reach_of_everything() {
    for head in [&[0x8d, 0x05][..], &[0x66, 0x8d, 0x05], &[0x44, 0x8d, 0x0d]] {
        let insn = insn(&[head, &TAIL].concat());
        let far = copy(&insn, FAR, GprSet::EMPTY).unwrap();
        assert_eq!((far.relocated, far.code.len()), (Relocated::Patched, insn.len()));
        far.assert_equivalent(&insn);
    }
}

#[test]
fn a_displacement_counts_from_behind_the_immediate() {
    // cmp byte [rip+x], imm8; mov word, imm16; mov dword, imm32; imul; shld; pinsrw; vpblendvb (is4)
    let heads: [&[u8]; 7] = [
        &[0x80, 0x3d],
        &[0x66, 0xc7, 0x05],
        &[0xc7, 0x05],
        &[0x69, 0x05],
        &[0x0f, 0xa4, 0x05],
        &[0x66, 0x0f, 0xc4, 0x05],
        &[0xc4, 0xe3, 0x71, 0x4c, 0x05],
    ];
    for head in heads {
        let insn = insn(&[head, &TAIL].concat());
        assert!(insn.len() > head.len() + 4, "{insn:?} has an immediate");
        for at in [NEAR, FAR] {
            copy(&insn, at, GprSet::EMPTY).unwrap().assert_equivalent(&insn);
        }
    }
}

#[test]
fn reach_is_exact_to_the_byte() {
    let insn = insn(&[0x48, 0x8b, 0x05, 0, 0, 0, 0]);
    let target = insn.iced().ip_rel_memory_address();
    let ends = [
        (0x8000_0000u64, true),
        (0x8000_0001, false),
        (0u64.wrapping_sub(0x7fff_ffff), true),
        (0u64.wrapping_sub(0x8000_0000), false),
    ];
    for (distance, in_reach) in ends {
        let at = midstride_addr::CachePc::new(target.wrapping_add(distance).wrapping_sub(7));
        let mut buffer = [0; 32];
        let mut w = Writer::new(&mut buffer, at);
        let relocated = relocate(&insn, &mut w, &Slot(at), GprSet::ALL).unwrap();
        assert_eq!(relocated == Relocated::Patched, in_reach, "{distance:#x}");
    }
}

#[test]
fn the_longest_instruction_can_still_be_copied() {
    // Nine prefixes, opcode, ModRM and displacement: 15 bytes.
    let bytes = [&[0x2e; 9][..], &[0x8b, 0x05, 0, 0x10, 0, 0]].concat();
    let insn = insn(&bytes);
    assert_eq!(insn.len(), 15);
    for free in [GprSet::EMPTY, GprSet::of(Gpr::R8)] {
        copy(&insn, FAR, free).unwrap().assert_equivalent(&insn);
        copy(&insn, NEAR, free).unwrap().assert_equivalent(&insn);
    }
}

#[test]
fn evex_displacements_are_not_scaled_away() {
    // vmovaps zmm0, [rip+0x1000]: disp32 is in bytes, also where disp8 would count in 64s.
    let insn = insn(&[0x62, 0xf1, 0x7c, 0x48, 0x28, 0x05, 0x00, 0x10, 0x00, 0x00]);
    for at in [NEAR, FAR] {
        copy(&insn, at, GprSet::EMPTY).unwrap().assert_equivalent(&insn);
    }
}

#[track_caller]
fn assert_transfer(bytes: &[u8], flow: Flow) {
    let insn = insn(bytes);
    let refused = RelocateError::Transfer { pc: PC, flow };
    assert_eq!(copy(&insn, NEAR, GprSet::EMPTY).err(), Some(refused), "{insn:?}");
}

#[test]
fn loop_is_a_branch_and_not_copied() {
    for (opcode, kind) in [(0xe0, Counted::Loopne), (0xe1, Counted::Loope), (0xe2, Counted::Loop)] {
        assert_transfer(&[opcode, 0xfe], Flow::Counted { kind, width: CounterWidth::Rcx, target: PC });
    }
}

#[test]
fn jecxz_is_not_jrcxz() {
    let kind = Counted::Rcxz;
    assert_transfer(&[0xe3, 0xfe], Flow::Counted { kind, width: CounterWidth::Rcx, target: PC });
    assert_transfer(&[0x67, 0xe3, 0xfd], Flow::Counted { kind, width: CounterWidth::Ecx, target: PC });
}

#[test]
fn the_fallback_of_xbegin_is_not_copied_along() {
    assert_transfer(&[0xc7, 0xf8, 0xfa, 0xff, 0xff, 0xff], Flow::Xbegin { target: PC });
}

#[test]
fn far_transfers_do_not_escape() {
    assert_transfer(&[0xcb], Flow::FarReturn { pop: 0 });
    assert_transfer(&[0x48, 0xcf], Flow::InterruptReturn);
    assert_transfer(&[0xff, 0x2d, 0, 0, 0, 0], Flow::FarJump);
    assert_transfer(&[0xff, 0x1d, 0, 0, 0, 0], Flow::FarCall);
}

#[test]
fn call_to_the_next_instruction_is_a_call() {
    assert_transfer(&[0xe8, 0, 0, 0, 0], Flow::Call { target: PC.add(5) });
}

#[test]
fn a_16_bit_branch_is_not_taken_for_one_of_64_bits() {
    assert_transfer(&[0x66, 0xe9, 0, 0, 0, 0], Flow::Unsupported16);
}

#[test]
fn a_system_call_is_not_copied() {
    assert_transfer(&[0x0f, 0x05], Flow::Syscall);
}

#[test]
fn what_traps_or_faults_is_copied_but_never_looks_sequential() {
    for bytes in [&[0xcc][..], &[0x0f, 0x0b], &[0xf4], &[0xcd, 0x80], &[0xf1]] {
        let insn = insn(bytes);
        assert_ne!(insn.flow(), Flow::Next);
        assert_eq!(copy(&insn, FAR, GprSet::EMPTY).unwrap().code, bytes);
    }
}

#[test]
fn an_indirect_branch_keeps_its_segment_base_and_index() {
    // call fs:[rax+rcx*8+8]
    let call = insn(&[0x64, 0xff, 0x54, 0xc8, 0x08]);
    let mut buffer = [0; 32];
    let mut w = Writer::new(&mut buffer, FAR);
    load_target(&call, &mut w, Gpr::R11).unwrap();
    let load = midstride_relocate::decode(w.finish().unwrap().bytes(), PC).unwrap();
    let load = load.iced();
    assert_eq!((load.segment_prefix(), load.op1_kind()), (Register::FS, OpKind::Memory));
    assert_eq!((load.memory_base(), load.memory_index()), (Register::RAX, Register::RCX));
    assert_eq!((load.memory_index_scale(), load.memory_displacement64()), (8, 8));
}
