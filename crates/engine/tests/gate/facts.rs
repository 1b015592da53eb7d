//! What signal handlers rely on.

use iced_x86::{Decoder, Instruction, Mnemonic, OpAccess, OpKind};
use midstride_addr::{CachePc, CacheRange};
use midstride_asm::{EmitError, Writer};
use midstride_block::SlotBase;
use midstride_engine::gate::{EngineCode, write_gate};

use crate::listing::{HANDLERS, gate};

const BOTH: [EngineCode; 2] = [EngineCode::Integer, EngineCode::Vector { xsave_bytes: 2696 }];

fn instructions(code: EngineCode) -> Vec<Instruction> {
    let (gate, bytes) = gate(SlotBase::Gs, code);
    Decoder::with_ip(64, &bytes, gate.all.start().get(), 0).iter().collect()
}

fn within(insns: &[Instruction], range: CacheRange) -> Vec<Instruction> {
    insns.iter().filter(|insn| range.contains(CachePc::new(insn.ip()))).copied().collect()
}

/// Whether the instruction stores to the context (the gate's own stack does not count).
fn stores(insn: &Instruction) -> bool {
    let mut factory = iced_x86::InstructionInfoFactory::new();
    let info = factory.info(insn);
    let writes = |access| matches!(access, OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite);
    (0..insn.op_count()).any(|n| insn.op_kind(n) == OpKind::Memory && writes(info.op_access(n)))
}

#[test]
fn every_instruction_is_one() {
    for code in BOTH {
        assert!(instructions(code).iter().all(|insn| !insn.is_invalid()));
    }
}

#[test]
fn doors_differ_and_lie_in_the_gate() {
    let (gate, _) = gate(SlotBase::Gs, EngineCode::Integer);
    for (index, door) in gate.doors.iter().enumerate() {
        assert!(gate.all.contains(*door));
        assert!(!gate.doors[..index].contains(door));
    }
}

#[test]
fn on_the_way_out_only_the_phase_is_stored() {
    for code in BOTH {
        let (gate, _) = gate(SlotBase::Gs, code);
        let way_out = within(&instructions(code), gate.resume);
        assert_eq!(way_out.iter().filter(|insn| stores(insn)).count(), 1);
        let last = way_out.last().expect("it is not empty");
        assert_eq!((last.mnemonic(), last.next_ip()), (Mnemonic::Jmp, gate.resume.end().get()));
    }
}

#[test]
fn before_a_call_only_the_epoch_is_stored_and_the_call_comes_last() {
    for code in BOTH {
        let (gate, _) = gate(SlotBase::Gs, code);
        let before = within(&instructions(code), gate.before_syscall);
        assert_eq!(before.iter().filter(|insn| stores(insn)).count(), 1);
        let last = before.last().expect("it is not empty");
        assert_eq!((last.mnemonic(), last.next_ip()), (Mnemonic::Syscall, gate.syscall_done.get()));
    }
}

#[test]
fn a_buffer_that_is_too_small_is_refused() {
    let mut buffer = [0; 64];
    let written =
        write_gate(Writer::new(&mut buffer, CachePc::new(0)), SlotBase::Gs, HANDLERS, EngineCode::Integer);
    assert!(matches!(written, Err(EmitError::Full { .. })));
}
