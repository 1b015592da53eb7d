//! The gate as text.

use std::mem::offset_of;

use insta::assert_snapshot;
use midstride_addr::{CachePc, CodeOffset};
use midstride_asm::{Gpr, Writer};
use midstride_block::{Door, SlotBase};
use midstride_engine::gate::{EngineCode, GATE_BYTES, Gate, Handlers, write_gate};
use midstride_engine::{AppState, ThreadContext};
use midstride_testkit::Listing;

const AT: CachePc = CachePc::new(0x1000_0000);
pub(crate) const HANDLERS: Handlers =
    Handlers { dispatch: 0x1111_2222_0000, after: 0x1111_2222_1000, epoch: 0x6000_0200 };

/// A gate at a fixed address, and its bytes.
pub(crate) fn gate(slots: SlotBase, code: EngineCode) -> (Gate, Vec<u8>) {
    let mut buffer = [0; GATE_BYTES];
    let gate = write_gate(Writer::new(&mut buffer, AT), slots, HANDLERS, code).expect("the buffer suffices");
    let bytes = gate.all.len() as usize;
    (gate, buffer[..bytes].to_vec())
}

/// Offsets of what the gate reads and writes in a thread context.
fn fields() -> Vec<(usize, String)> {
    let mut fields: Vec<(usize, String)> = Gpr::ALL
        .iter()
        .map(|&gpr| {
            let index = usize::from(gpr.number());
            let at = offset_of!(ThreadContext, state) + offset_of!(AppState, gprs) + index * 8;
            (at, format!("{gpr:?}").to_lowercase())
        })
        .collect();
    let named = [
        (0, "context"),
        (midstride_block::Slot::Resume.offset() as usize, "resume"),
        (offset_of!(ThreadContext, state) + offset_of!(AppState, rflags), "flags"),
        (offset_of!(ThreadContext, state) + offset_of!(AppState, pc), "pc"),
        (offset_of!(ThreadContext, gate_stack), "gate stack"),
        (offset_of!(ThreadContext, phase), "phase"),
        (offset_of!(ThreadContext, has_pending), "pending"),
        (offset_of!(ThreadContext, epoch), "epoch"),
        (offset_of!(ThreadContext, resolved_epoch), "resolved"),
        (offset_of!(ThreadContext, next_pc), "next pc"),
        (offset_of!(ThreadContext, child), "child"),
        (offset_of!(ThreadContext, app_gs), "app gs"),
        (offset_of!(ThreadContext, held_mask), "held mask"),
    ];
    fields.extend(named.map(|(at, name)| (at, name.to_owned())));
    fields
}

/// Names the fields in operands like `gs:[80h]` and `[r12+80h]`. Bytes are shown as they are.
fn with_fields(mut text: String) -> String {
    for (at, name) in fields() {
        let hex = if at < 10 { format!("{at}") } else { format!("{at:x}h") };
        let hex =
            if hex.starts_with(|first: char| first.is_ascii_alphabetic()) { format!("0{hex}") } else { hex };
        text = text.replace(&format!("gs:[{hex}]"), &format!("gs:[{name}]"));
        text = text.replace(&format!("[r12+{hex}]"), &format!("[r12 {name}]"));
    }
    text
}

fn show(code: EngineCode) -> String {
    let (gate, bytes) = gate(SlotBase::Gs, code);
    let offset = |pc: CachePc| CodeOffset::new((pc.get() - AT.get()) as u32);
    let mut listing = Listing::new(&bytes)
        .at(AT)
        .symbol(HANDLERS.dispatch, "dispatch")
        .symbol(HANDLERS.after, "after")
        .symbol(HANDLERS.epoch, "epoch");
    for (door, pc) in Door::ALL.into_iter().zip(gate.doors) {
        listing = listing.note(offset(pc), format!("door {door:?}"));
    }
    let marks = [
        (gate.resume.start(), "from here on the program is where the context says"),
        (gate.before_syscall.start(), "from here on the program is before its call"),
        (gate.syscall_done, "the call is answered"),
        (gate.start, "start"),
        (gate.leave, "leave"),
        (gate.redispatch, "redispatch"),
    ];
    for (pc, text) in marks {
        listing = listing.note(offset(pc), text);
    }
    with_fields(listing.to_string())
}

#[test]
fn the_gate_of_a_runtime_without_vector_registers() {
    assert_snapshot!("integer", show(EngineCode::Integer));
}

#[test]
fn the_gate_of_a_library() {
    assert_snapshot!("vector", show(EngineCode::Vector { xsave_bytes: 2696 }));
}
