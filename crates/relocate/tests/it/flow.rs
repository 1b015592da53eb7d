//! Classification: where control goes.

use iced_x86::{Code, FlowControl};
use midstride_addr::AppPc;
use midstride_asm::Cond;
use midstride_relocate::{Counted, CounterWidth, Flow, Special};
use midstride_testkit::arbitrary::Unstructured;
use midstride_testkit::{Random, instruction_like};

use crate::copy::{PC, insn};

#[track_caller]
fn assert_flow(bytes: &[u8], flow: Flow) {
    let insn = insn(bytes);
    assert_eq!((insn.flow(), insn.len()), (flow, bytes.len()), "{insn:?}");
}

/// `bytes` ahead of [`PC`].
const fn ahead(bytes: u64) -> AppPc {
    PC.add(bytes)
}

#[test]
fn direct_branches_name_their_targets() {
    assert_flow(&[0xeb, 0x10], Flow::Jump { target: ahead(0x12) });
    assert_flow(&[0xe9, 0xfb, 0xff, 0xff, 0xff], Flow::Jump { target: PC });
    assert_flow(&[0xe8, 0, 0, 0, 0], Flow::Call { target: ahead(5) });
    assert_flow(&[0xe8, 0, 0, 0, 0x80], Flow::Call { target: PC.offset(5 - 0x8000_0000) });
}

#[test]
fn conditional_branches_name_their_conditions() {
    for code in 0..16 {
        let cond = Cond::ALL[usize::from(code)];
        assert_eq!(cond.code(), code);
        assert_flow(&[0x70 | code, 0x02], Flow::Branch { cond, target: ahead(4) });
        assert_flow(&[0x0f, 0x80 | code, 2, 0, 0, 0], Flow::Branch { cond, target: ahead(8) });
    }
}

#[test]
fn counted_branches_name_their_counter() {
    let counted =
        [(0xe0, Counted::Loopne), (0xe1, Counted::Loope), (0xe2, Counted::Loop), (0xe3, Counted::Rcxz)];
    for (opcode, kind) in counted {
        assert_flow(&[opcode, 0x7f], Flow::Counted { kind, width: CounterWidth::Rcx, target: ahead(0x81) });
        assert_flow(&[0x67, opcode, 0xfd], Flow::Counted { kind, width: CounterWidth::Ecx, target: PC });
        // REX.W changes nothing.
        assert_flow(&[0x48, opcode, 0xfd], Flow::Counted { kind, width: CounterWidth::Rcx, target: PC });
    }
}

#[test]
fn indirect_branches_are_told_from_far_ones() {
    assert_flow(&[0xff, 0xe0], Flow::JumpIndirect);
    assert_flow(&[0xff, 0x24, 0xc5, 0, 0, 0, 0], Flow::JumpIndirect);
    assert_flow(&[0x41, 0xff, 0xd3], Flow::CallIndirect);
    assert_flow(&[0xff, 0x15, 0, 0, 0, 0], Flow::CallIndirect);
    assert_flow(&[0xff, 0x28], Flow::FarJump);
    assert_flow(&[0x48, 0xff, 0x2c, 0x24], Flow::FarJump);
    assert_flow(&[0xff, 0x1d, 0, 0, 0, 0], Flow::FarCall);
}

#[test]
fn returns_say_what_they_pop() {
    assert_flow(&[0xc3], Flow::Return { pop: 0 });
    assert_flow(&[0xc2, 0xff, 0xff], Flow::Return { pop: 0xffff });
    assert_flow(&[0xcb], Flow::FarReturn { pop: 0 });
    assert_flow(&[0x48, 0xca, 0x08, 0x00], Flow::FarReturn { pop: 8 });
    assert_flow(&[0xcf], Flow::InterruptReturn);
    assert_flow(&[0x48, 0xcf], Flow::InterruptReturn);
    assert_flow(&[0x66, 0xcf], Flow::InterruptReturn);
    assert_flow(&[0xf3, 0x0f, 0x01, 0xec], Flow::UserInterruptReturn);
}

#[test]
fn prefixes_without_meaning_are_tolerated() {
    assert_flow(&[0xf3, 0xc3], Flow::Return { pop: 0 });
    assert_flow(&[0xf2, 0xc3], Flow::Return { pop: 0 });
    assert_flow(&[0xf2, 0x72, 0x00], Flow::Branch { cond: Cond::B, target: ahead(3) });
    assert_flow(&[0x2e, 0x74, 0x00], Flow::Branch { cond: Cond::E, target: ahead(3) });
    assert_flow(&[0x3e, 0x0f, 0x84, 0, 0, 0, 0], Flow::Branch { cond: Cond::E, target: ahead(7) });
    assert_flow(&[0xf2, 0xe8, 0, 0, 0, 0], Flow::Call { target: ahead(6) });
    assert_flow(&[0x67, 0xe8, 0, 0, 0, 0], Flow::Call { target: ahead(6) });
    assert_flow(&[0x3e, 0xff, 0xe0], Flow::JumpIndirect);
    assert_flow(&[0x3e, 0xff, 0x14, 0x24], Flow::CallIndirect);
}

#[test]
fn a_near_branch_of_16_bits_is_refused() {
    let branches: [&[u8]; 8] = [
        &[0x66, 0xeb, 0x00],
        &[0x66, 0xe9, 0, 0, 0, 0],
        &[0x66, 0x74, 0x00],
        &[0x66, 0xe2, 0x00],
        &[0x66, 0xe8, 0, 0, 0, 0],
        &[0x66, 0xff, 0xe0],
        &[0x66, 0xff, 0x10],
        &[0x66, 0xc3],
    ];
    for bytes in branches {
        assert_eq!(insn(bytes).flow(), Flow::Unsupported16, "{bytes:02x?}");
    }
    assert_eq!(insn(&[0x66, 0x40, 0xe8, 0, 0, 0, 0]).flow(), Flow::Unsupported16);
    // The REX.W that a later prefix follows does not count.
    assert_eq!(insn(&[0x48, 0x66, 0xe8, 0, 0, 0, 0]).flow(), Flow::Unsupported16);
}

#[test]
fn rex_w_outvotes_66h_as_in_calls_to_tls_get_addr() {
    assert_flow(&[0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0], Flow::Call { target: ahead(8) });
    assert_flow(&[0x66, 0x48, 0xff, 0x15, 0, 0, 0, 0], Flow::CallIndirect);
}

#[test]
fn system_calls_and_interrupts_are_told_apart() {
    assert_flow(&[0x0f, 0x05], Flow::Syscall);
    assert_flow(&[0x0f, 0x34], Flow::Sysenter);
    assert_flow(&[0xcd, 0x80], Flow::Interrupt { vector: 0x80 });
    assert_flow(&[0xcd, 0x03], Flow::Interrupt { vector: 3 });
    assert_flow(&[0xcc], Flow::Breakpoint);
    assert_flow(&[0xf1], Flow::DebugTrap);
}

#[test]
fn transactions_name_their_fallback() {
    assert_flow(&[0xc7, 0xf8, 0x10, 0, 0, 0], Flow::Xbegin { target: ahead(0x16) });
    assert_flow(&[0x66, 0xc7, 0xf8, 0xfb, 0xff], Flow::Xbegin { target: PC });
    assert_flow(&[0xc6, 0xf8, 0x01], Flow::Next);
    assert_flow(&[0x0f, 0x01, 0xd5], Flow::Next);
}

#[test]
fn what_always_faults_raises() {
    let raising: [&[u8]; 12] = [
        &[0x0f, 0x0b],
        &[0x0f, 0xb9, 0xc0],
        &[0x0f, 0xff, 0xc0],
        &[0xf4],
        &[0x0f, 0x30],
        &[0x0f, 0x01, 0xd1],
        &[0x0f, 0x01, 0xf8],
        &[0x0f, 0x07],
        &[0x0f, 0x35],
        &[0x0f, 0xaa],
        &[0x0f, 0x20, 0xc0],
        &[0x0f, 0x01, 0xc2],
    ];
    raising.into_iter().for_each(|bytes| assert_flow(bytes, Flow::Raises));
}

#[test]
fn what_the_kernel_may_allow_or_emulate_does_not_raise() {
    // in, out, cli, sti, insb; sgdt, smsw (UMIP); rdpmc; vmcall, vmmcall; monitor
    let sequential: [&[u8]; 11] = [
        &[0xec],
        &[0xe6, 0x80],
        &[0xfa],
        &[0xfb],
        &[0x6c],
        &[0x0f, 0x01, 0x00],
        &[0x0f, 0x01, 0xe0],
        &[0x0f, 0x33],
        &[0x0f, 0x01, 0xc1],
        &[0x0f, 0x01, 0xd9],
        &[0x0f, 0x01, 0xc8],
    ];
    sequential.into_iter().for_each(|bytes| assert_flow(bytes, Flow::Next));
}

/// Forms of 64-bit mode, each with one random instruction.
fn each_form() -> impl Iterator<Item = (Code, Vec<u8>)> {
    let mut random = Random::new(5);
    let known = |code: &Code| {
        let info = code.op_code();
        info.is_instruction() && info.mode64() && info.intel_decoder64() && info.decoder_option() == 0
    };
    Code::values().filter(known).map(move |code| {
        let data = random.bytes(1024);
        (code, instruction_like(code, &mut Unstructured::new(&data)).unwrap())
    })
}

#[test]
fn nothing_that_transfers_control_is_copyable() {
    let mut transfers = 0;
    for (_, bytes) in each_form() {
        let insn = insn(&bytes);
        let may_copy = matches!(
            insn.iced().flow_control(),
            FlowControl::Next
                | FlowControl::Interrupt
                | FlowControl::Exception
                | FlowControl::XbeginXabortXend
                | FlowControl::Call
                | FlowControl::Return
        );
        if !may_copy {
            transfers += 1;
            assert!(!insn.flow().is_copyable(), "{insn:?}");
        }
    }
    assert!(transfers >= 50, "{transfers}");
}

#[test]
fn paths_end_where_nothing_falls_through() {
    let ends: [&[u8]; 7] =
        [&[0xeb, 0], &[0xff, 0xe0], &[0xc3], &[0xcb], &[0x48, 0xcf], &[0x0f, 0x0b], &[0xff, 0x28]];
    assert!(ends.into_iter().all(|bytes| insn(bytes).flow().ends_path()));
    let continues: [&[u8]; 12] = [
        &[0x90],
        &[0x74, 0],
        &[0xe2, 0],
        &[0xe8, 0, 0, 0, 0],
        &[0xff, 0xd0],
        &[0xff, 0x18],
        &[0x0f, 0x05],
        &[0x0f, 0x34],
        &[0xc7, 0xf8, 0, 0, 0, 0],
        &[0xcd, 0x80],
        &[0xcc],
        &[0xf1],
    ];
    assert!(!continues.into_iter().any(|bytes| insn(bytes).flow().ends_path()));
}

#[test]
fn special_instructions_are_marked() {
    let marked: [(&[u8], Special); 13] = [
        (&[0x9d], Special::LoadsFlags),
        (&[0x9c], Special::StoresFlags),
        (&[0x8e, 0xd0], Special::LoadsStackSegment),
        (&[0x8e, 0xe8], Special::SegmentBase),
        (&[0x0f, 0xa1], Special::SegmentBase),
        (&[0xf3, 0x48, 0x0f, 0xae, 0xd0], Special::SegmentBase),
        (&[0x0f, 0xae, 0x00], Special::StoresFpPointers),
        (&[0x0f, 0xa2], Special::Identity),
        (&[0x0f, 0x01, 0xe8], Special::Serializes),
        (&[0xf3, 0x48, 0x0f, 0x1e, 0xc8], Special::ShadowStack),
        (&[0xf2, 0x0f, 0xae, 0xf1], Special::Waits),
        (&[0x0f, 0x01, 0xd6], Special::Transaction),
        (&[0x0f, 0x01, 0xd7], Special::Enclave),
    ];
    for (bytes, special) in marked {
        assert_eq!(insn(bytes).special(), Some(special), "{bytes:02x?}");
    }
    let plain: [&[u8]; 5] = [&[0x8c, 0xe0], &[0x8e, 0xd8], &[0x58], &[0x89, 0xc0], &[0x0f, 0xa0]];
    assert!(plain.into_iter().all(|bytes| insn(bytes).special().is_none()));
}
