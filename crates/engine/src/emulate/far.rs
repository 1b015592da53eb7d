//! Far jumps and calls, by pointers in memory: to 64-bit code they are near ones with another stack frame.

use midstride_asm::Gpr;
use midstride_relocate::{Flow, Insn};

use super::{ALIGNMENT_CHECK, Outcome, USER_CS, memory_operand};
use crate::context::AppState;
use crate::memory::{read_app, write_app};

const SELECTOR_BYTES: usize = 2;

/// A far pointer and the bytes of its offset, which are also those of the words that a call pushes.
struct Pointer {
    offset: u64,
    selector: u16,
    width: u64,
}

/// Carries out the branch, if it leads to 64-bit code.
pub(super) fn branch(state: &mut AppState, insn: &Insn) -> Outcome {
    let target = pointer(state, insn);
    let pushed = |pointer: &Pointer| insn.flow() == Flow::FarJump || push_return(state, insn, pointer.width);
    match target.filter(|to| u64::from(to.selector) == USER_CS).filter(pushed) {
        Some(to) => {
            let words = if insn.flow() == Flow::FarCall { 2 } else { 0 };
            state.set(Gpr::Rsp, state.get(Gpr::Rsp).wrapping_sub(words * to.width));
            state.pc = to.offset;
            Outcome::Done
        }
        None => insn.without_gs().map_or(Outcome::Native, |plain| elsewhere(insn, &plain)),
    }
}

/// What the processor is left with: it reads the pointer where the program means it only without the override.
/// One that stands behind other prefixes stays.
fn elsewhere(insn: &Insn, plain: &Insn) -> Outcome {
    let is_in_front = insn.bytes().ends_with(plain.bytes());
    if is_in_front { Outcome::WithoutGs { at: plain.pc().get() } } else { Outcome::Native }
}

/// The pointer, when it can be read and lies where any processor takes it.
fn pointer(state: &AppState, insn: &Insn) -> Option<Pointer> {
    let address = memory_operand(state, insn, 0)?;
    let width = offset_width(insn)?;
    if state.rflags & ALIGNMENT_CHECK != 0 && !address.is_multiple_of(8) {
        return None;
    }
    let mut bytes = [0; 8 + SELECTOR_BYTES];
    let len = width as usize;
    read_app(address, &mut bytes[..len + SELECTOR_BYTES]).ok()?;
    let selector = u16::from_le_bytes([bytes[len], bytes[len + 1]]);
    bytes[len..].fill(0);
    let offset = bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
    let is_canonical = offset.cast_signed() << 16 >> 16 == offset.cast_signed();
    is_canonical.then_some(Pointer { offset, selector, width })
}

/// Bytes of the offset. AMD's processors know no 64-bit ones (APM volume 3, JMP and CALL, far): what they make of
/// such an instruction is left to them.
fn offset_width(insn: &Insn) -> Option<u64> {
    match insn.iced().memory_size().size().checked_sub(SELECTOR_BYTES)? {
        8 if !has_wide_pointers() => None,
        width => Some(width as u64),
    }
}

/// Whether this is an Intel processor (SDM volume 2, CPUID, leaf 0).
fn has_wide_pointers() -> bool {
    const GENUINE_INTEL: [u32; 3] = [0x756e_6547, 0x6c65_746e, 0x4965_6e69];
    let leaf = core::arch::x86_64::__cpuid(0);
    [leaf.ebx, leaf.ecx, leaf.edx] == GENUINE_INTEL
}

/// Writes selector and address behind the call below the stack pointer; false when there is no room.
fn push_return(state: &AppState, insn: &Insn, width: u64) -> bool {
    let rsp = state.get(Gpr::Rsp);
    if state.rflags & ALIGNMENT_CHECK != 0 && !rsp.is_multiple_of(8) {
        return false;
    }
    let words = [(1, USER_CS), (2, insn.next_pc().get())];
    words.into_iter().all(|(down, word)| {
        write_app(rsp.wrapping_sub(down * width), &word.to_le_bytes()[..width as usize]).is_ok()
    })
}
