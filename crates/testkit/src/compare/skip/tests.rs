use std::collections::BTreeMap;

use arbitrary::Unstructured;
use iced_x86::{Decoder, DecoderOptions, Encoder};
use midstride_addr::AppPc;
use midstride_relocate::Flow;

use super::*;
use crate::{Random, instruction_like};

fn skipped_for(reason: Skip) -> Vec<Code> {
    Code::values().filter(|code| skip(*code) == Some(reason)).collect()
}

/// Bytes that are meant as this form.
fn bytes_of(code: Code, random: &mut Random) -> Vec<u8> {
    instruction_like(code, &mut Unstructured::new(&random.bytes(288))).expect("enough of it")
}

#[test]
fn reasons_stand_where_their_number_says() {
    assert_eq!(Skip::NoInstruction.reason(), "no instruction");
    assert_eq!(Skip::Narrow.reason(), "near branch with the prefix 66h: compared by whole programs");
    assert_eq!(Skip::Transaction.reason(), "begins a transaction, which may abort at any time");
    assert_eq!(Skip::Transaction as usize + 1, REASONS.len());
}

#[test]
fn ordinary_forms_are_run() {
    for code in [Code::Add_rm64_r64, Code::Call_rel32_64, Code::EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er] {
        assert_eq!((skip(code), takes_an_engine(code)), (None, false), "{code:?}");
    }
    for code in [Code::Syscall, Code::Jmp_m1632, Code::Retfq, Code::Popq_GS] {
        assert_eq!((skip(code), takes_an_engine(code)), (None, true), "{code:?}");
    }
}

/// No form falls out without being seen here.
#[test]
fn these_forms_are_compared_nowhere() {
    let mut table: BTreeMap<Skip, Vec<String>> = BTreeMap::new();
    for code in Code::values() {
        if let Some(reason) = skip(code) {
            table.entry(reason).or_default().push(format!("{code:?}"));
        }
    }
    let lines =
        table.iter().map(|(skip, forms)| format!("{skip:?} ({})\n  {}\n", forms.len(), forms.join("\n  ")));
    insta::assert_snapshot!(lines.collect::<String>());
}

#[test]
fn forms_of_other_modes_are_none_of_64_bit_mode() {
    assert!(skipped_for(Skip::OtherMode).iter().all(|code| !code.op_code().mode64()));
}

#[test]
fn pairs_are_wait_and_a_form_that_is_compared() {
    for code in skipped_for(Skip::Pair) {
        if !code.op_code().mode64() {
            continue;
        }
        let mut insn = iced_x86::Instruction::new();
        insn.set_code(code);
        if code.op_code().op0_kind() == iced_x86::OpCodeOperandKind::mem {
            insn.set_op0_kind(iced_x86::OpKind::Memory);
            insn.set_memory_base(iced_x86::Register::RAX);
        } else if code.op_code().op_count() > 0 {
            insn.set_op0_register(iced_x86::Register::AX);
        }
        let mut encoder = Encoder::new(64);
        encoder.encode(&insn, 0).unwrap_or_else(|error| panic!("{code:?}: {error}"));
        let bytes = encoder.take_buffer();
        let mut decoder = Decoder::new(64, &bytes, DecoderOptions::NONE);
        assert_eq!(decoder.decode().code(), Code::Wait, "{code:?}");
        let second = decoder.decode();
        assert!(second.is_invalid() || skip(second.code()).is_none(), "{code:?}: {:?}", second.code());
    }
}

#[test]
fn narrow_branches_are_told_from_others() {
    let mut random = Random::new(3);
    for code in skipped_for(Skip::Narrow) {
        let bytes = bytes_of(code, &mut random);
        let insn = midstride_relocate::decode(&bytes, AppPc::new(0x1000)).expect("a branch");
        assert_ne!(insn.iced().code(), code);
    }
    let narrow = midstride_relocate::decode(&[0x66, 0xeb, 0], AppPc::new(0x1000)).expect("a jump");
    assert_eq!(narrow.flow(), Flow::Unsupported16);
}

#[test]
fn undecoded_forms_are_others_to_the_decoder() {
    let mut random = Random::new(4);
    for code in skipped_for(Skip::Undecoded) {
        for _ in 0..20 {
            if code.op_code().mode64() {
                let bytes = bytes_of(code, &mut random);
                let read = Decoder::new(64, &bytes, DecoderOptions::NONE).decode().code();
                assert_ne!(read, code);
            }
        }
    }
}
