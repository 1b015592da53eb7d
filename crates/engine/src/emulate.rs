//! Instructions the engine carries out itself: those that leave the flat 64-bit code segment, or might.
#![allow(unsafe_code, reason = "reads the program's stack")]

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_block::AppCode;
use midstride_os::thread::{SegmentBase, segment_base};
use midstride_os::{nr, syscall3};
use midstride_relocate::{Flow, GsUse, Insn, OperandPlace, operand_place};

use crate::code_map::insn_at;
use crate::context::AppState;
use crate::memory::read_app;

mod far;

/// Selector of 64-bit user code on Linux.
const USER_CS: u64 = 0x33;
/// Selector of user data.
const USER_SS: u64 = 0x2b;
/// Flags a program can set by popf or iret: CF PF AF ZF SF TF DF OF NT AC ID.
const USER_FLAGS: u64 = 0x0024_4dd5;

/// With this flag misaligned accesses raise #AC.
const ALIGNMENT_CHECK: u64 = 1 << 18;
/// With this flag `iret` raises #GP in 64-bit mode.
const NESTED_TASK: u64 = 1 << 14;

/// What became of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The state is that behind it.
    Done,
    /// It is to be run at its own address.
    Native,
    /// It is to be run at this address, some bytes behind its own: without an override of GS.
    WithoutGs {
        /// The address.
        at: u64,
    },
    /// The program wants the GS segment for itself.
    TakesGs {
        /// Its base then; 0 when it depends on a selector.
        base: u64,
    },
}

/// Carries out the instruction at `at`.
pub(crate) fn carry_out(state: &mut AppState, at: AppPc, code: &dyn AppCode) -> Outcome {
    let Ok(insn) = insn_at(code, at) else { return Outcome::Native };
    if let Some(how) = insn.gs_use() {
        return use_gs(state, &insn, how);
    }
    match insn.flow() {
        Flow::FarReturn { .. } => far_return(state, &insn),
        Flow::InterruptReturn => interrupt_return(state, &insn),
        Flow::FarJump | Flow::FarCall => far::branch(state, &insn),
        _ => Outcome::Native,
    }
}

/// To the program the base of GS is 0, by a null selector; that is all it may be.
fn use_gs(state: &mut AppState, insn: &Insn, how: GsUse) -> Outcome {
    match how {
        GsUse::ReadBase { to } => state.set(to, 0),
        GsUse::WriteBase { from, mask } if state.get(from) & mask == 0 => {}
        GsUse::WriteBase { from, mask } => return Outcome::TakesGs { base: state.get(from) & mask },
        GsUse::LoadSelector => match selector(state, insn) {
            Some(selector) if selector <= MAX_NULL_SELECTOR => {}
            Some(_) => return Outcome::TakesGs { base: 0 },
            None => return Outcome::Native,
        },
        GsUse::LoadPointer => return Outcome::TakesGs { base: 0 },
    }
    let popped = insn.iced().stack_pointer_increment();
    state.set(Gpr::Rsp, state.get(Gpr::Rsp).wrapping_add_signed(popped.into()));
    state.pc = insn.next_pc().get();
    Outcome::Done
}

/// Selectors up to this one name no segment (Intel SDM volume 3, 3.4.2).
const MAX_NULL_SELECTOR: u16 = 3;

/// The selector that `mov gs` or `pop gs` is about to load; `None` when it cannot be read.
fn selector(state: &AppState, insn: &Insn) -> Option<u16> {
    let popped = insn.iced().stack_pointer_increment().unsigned_abs();
    let address = if popped != 0 {
        state.get(Gpr::Rsp)
    } else {
        match operand_place(insn, 1, |reg| state.get(reg)) {
            Some(OperandPlace::Register(reg)) => return Some(state.get(reg) as u16),
            _ => memory_operand(state, insn, 1)?,
        }
    };
    let mut bytes = [0; 2];
    let width = u64::from(popped).max(bytes.len() as u64);
    if state.rflags & ALIGNMENT_CHECK != 0 && !address.is_multiple_of(width) {
        return None;
    }
    read_app(address, &mut bytes).ok().map(|()| u16::from_le_bytes(bytes))
}

/// The address of an operand in memory, in whatever segment; that of GS begins at 0.
pub(crate) fn memory_operand(state: &AppState, insn: &Insn, operand: u32) -> Option<u64> {
    let plain = insn.without_gs();
    match operand_place(plain.as_ref().unwrap_or(insn), operand, |reg| state.get(reg))? {
        OperandPlace::Memory { address } => Some(address),
        OperandPlace::Fs { offset } => Some(segment_base(SegmentBase::Fs).ok()?.wrapping_add(offset)),
        OperandPlace::Register(_) => None,
    }
}

/// `count` stack words of the size of `insn`'s operands.
fn stack_words<const N: usize>(state: &AppState, insn: &Insn) -> Option<([u64; N], u64)> {
    let extra = if let Flow::FarReturn { pop } = insn.flow() { u64::from(pop) } else { 0 };
    let popped = insn.iced().stack_pointer_increment().unsigned_abs();
    let width = u64::from(popped).wrapping_sub(extra) / N as u64;
    let checked = state.rflags & ALIGNMENT_CHECK != 0;
    if !matches!(width, 2 | 4 | 8) || checked && !state.get(Gpr::Rsp).is_multiple_of(width) {
        return None;
    }
    let mut words = [0; N];
    for (index, word) in words.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        let at = state.get(Gpr::Rsp).wrapping_add(index as u64 * width);
        let wanted = &mut bytes[..width as usize];
        if read_app(at, wanted).is_err() {
            return None;
        }
        *word = u64::from_le_bytes(bytes);
    }
    Some((words, width * N as u64))
}

fn far_return(state: &mut AppState, insn: &Insn) -> Outcome {
    let Flow::FarReturn { pop } = insn.flow() else { return Outcome::Native };
    match stack_words::<2>(state, insn) {
        Some(([pc, cs], bytes)) if cs & 0xffff == USER_CS => {
            state.pc = pc;
            let rsp = state.get(Gpr::Rsp).wrapping_add(bytes).wrapping_add(u64::from(pop));
            state.set(Gpr::Rsp, rsp);
            Outcome::Done
        }
        _ => Outcome::Native,
    }
}

fn interrupt_return(state: &mut AppState, insn: &Insn) -> Outcome {
    if state.rflags & NESTED_TASK != 0 {
        return Outcome::Native;
    }
    match stack_words::<5>(state, insn) {
        Some(([pc, cs, flags, rsp, ss], bytes)) if cs & 0xffff == USER_CS && ss & 0xffff == USER_SS => {
            // Words of 16 bits leave the other flags as they are.
            let loaded = if bytes == 5 * 2 { USER_FLAGS & 0xffff } else { USER_FLAGS };
            state.pc = pc;
            state.rflags = state.rflags & !loaded | flags & loaded;
            state.set(Gpr::Rsp, rsp);
            Outcome::Done
        }
        _ => Outcome::Native,
    }
}

/// Where the kernel emulates three old calls (Linux `arch/x86/entry/vsyscall`), and their numbers.
const VSYSCALLS: [(u64, u64); 3] = [
    (0xffff_ffff_ff60_0000, nr::GETTIMEOFDAY),
    (0xffff_ffff_ff60_0400, nr::TIME),
    (0xffff_ffff_ff60_0800, nr::GETCPU),
];

/// If the program is at a vsyscall: the call, carried out with its return. Left to the kernel, the
/// program would return outside the cache.
pub(crate) fn vsyscall(state: &mut AppState) -> Outcome {
    let Some((_, number)) = VSYSCALLS.into_iter().find(|(at, _)| *at == state.pc) else {
        return Outcome::Native;
    };
    let mut target = [0; 8];
    if read_app(state.get(Gpr::Rsp), &mut target).is_err() {
        return Outcome::Native;
    }
    let [a, b, c] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rdx].map(|reg| state.get(reg));
    // SAFETY: the program's own call: the kernel checks the pointers it writes through.
    let result = unsafe { syscall3(number, a, b, c) };
    state.set(Gpr::Rax, result as u64);
    state.set(Gpr::Rsp, state.get(Gpr::Rsp).wrapping_add(8));
    state.pc = u64::from_le_bytes(target);
    Outcome::Done
}

/// The word that a return just took from the stack.
pub(crate) fn below_stack(state: &AppState) -> u64 {
    let at = core::ptr::with_exposed_provenance::<u64>(state.get(Gpr::Rsp).wrapping_sub(8) as usize);
    // SAFETY: the block's return read this word an instant ago, so it is mapped; if another thread
    // unmaps the stack of a running thread in between, this faults as the thread itself would have.
    unsafe { at.read_unaligned() }
}

#[cfg(test)]
mod tests;
