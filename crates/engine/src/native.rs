//! Instructions that run where they are: those that the decoder does not know, that lie where nothing can be
//! executed, or that lead out of the flat 64-bit code segment.
//!
//! The processor decides what they are, at the program's own address: it raises what it raises there, with
//! every detail as without us, or it carries them out. The trap flag brings the thread back behind the instruction, and
//! as soon as it is in 64-bit code again: 32-bit code is run step by step. It is not followed further than
//! that: what it does to mappings is not seen, and a handler of its faults cannot return into it.

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::Gpr;
use midstride_block::AppCode;
use midstride_os::signal::{SIGSEGV, SigInfo, SigSet, UContext, rt_tgsigqueueinfo};
use midstride_os::thread;
use midstride_relocate::{Flow, Insn, InsnIter, OperandPlace, operand_place};

use crate::context::{AppState, ThreadContext};
use crate::engine::{Engine, Shared, Span};
use crate::gate::answer;
use crate::memory::read_app;
use crate::policy::{Domain, Policy};
use crate::signal::{TRAP_FLAG, USER_CS, is_fault, is_step};

/// An instruction of the program's that runs natively, or is about to.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(crate) struct Native {
    way: Way,
    /// Its address.
    at: u64,
    /// The trap flag as the program has it.
    trap: u64,
    /// Signals that are blocked until it is over.
    held: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u64)]
enum Way {
    /// Nothing runs natively.
    #[default]
    Cached,
    Native,
}

impl Native {
    fn begin(state: &mut AppState) -> Self {
        let native = Self { way: Way::Native, at: state.pc, trap: state.rflags & TRAP_FLAG, held: 0 };
        state.rflags |= TRAP_FLAG;
        native
    }

    /// Whether an instruction runs natively.
    pub(crate) fn is_under_way(&self) -> bool {
        self.way == Way::Native
    }

    /// The state was reached natively, or the gate was not left: the trap flag is the program's again. Answers
    /// the signals to be let through again.
    pub(crate) fn end(&mut self, state: &mut AppState) -> u64 {
        if self.is_under_way() {
            state.rflags = state.rflags & !TRAP_FLAG | self.trap;
        }
        core::mem::take(self).held
    }
}

impl<P: Policy> Engine<P> {
    /// Lets the thread run the instruction at its pc natively, and only that where single steps come to us.
    pub(crate) fn run_natively(&self, cx: &mut ThreadContext, _: &Shared) -> u32 {
        self.resume_at(cx, CachePc::new(cx.state.pc));
        // Outside the cache, for however long.
        cx.epoch.store(u64::MAX, core::sync::atomic::Ordering::SeqCst);
        if self.sees_steps() {
            cx.native = Native::begin(&mut cx.state);
        }
        answer::RESUME
    }

    /// Whether what cannot be copied may be left to the processor: it comes back by a single step.
    pub(crate) fn sees_steps(&self) -> bool {
        P::DOMAIN == Domain::Process && !self.signals.leaves_faults()
    }

    /// The call that has just gone to `target`, undone, when no address is like that: the processor raises the
    /// fault at the call then. A jump or a return leaves no trace of where it was; it is said to fault
    /// at its target.
    pub(crate) fn undo_impossible_call(&self, cx: &mut ThreadContext, shared: &Shared, target: u64) -> bool {
        if is_canonical(target) || shared.code.area(AppPc::new(target)).is_some() || !self.sees_steps() {
            return false;
        }
        let Some(next) = word(cx.state.get(Gpr::Rsp)) else { return false };
        let mut before = cx.state;
        before.set(Gpr::Rsp, cx.state.get(Gpr::Rsp).wrapping_add(8));
        let mut blocks = shared.cache.blocks_before(AppPc::new(next));
        let Some(call) = blocks.find_map(|block| call_at_end(&shared.code, block.app)) else { return false };
        let leads_to = match operand_place(&call, 0, |reg| before.get(reg)) {
            Some(OperandPlace::Register(reg)) => Some(before.get(reg)),
            Some(OperandPlace::Memory { address }) => word(address),
            None => None,
        };
        if leads_to == Some(target) {
            cx.state = AppState { pc: call.pc().get(), ..before };
        }
        leads_to == Some(target)
    }

    /// Whether a signal leaves the thread where it is: a single step that has not yet brought it behind the
    /// instruction that runs natively, or a signal in code of another kind, which will come again behind it.
    pub(crate) fn stays_native(
        &self,
        cx: &mut ThreadContext,
        signal: i32,
        info: &SigInfo,
        uc: &mut UContext,
    ) -> bool {
        if !cx.native.is_under_way() {
            return false;
        }
        let pc = uc.mcontext.rip;
        let is_64_bit = uc.mcontext.cs == USER_CS;
        if is_step(signal, info) {
            let arrives = pc == cx.native.at || self.gate.all.contains(CachePc::new(pc));
            return arrives || !is_64_bit;
        }
        if !is_64_bit && is_fault(signal, info) {
            let written = signal == SIGSEGV && self.code_written(cx, info, uc);
            cx.span = Span::Block;
            return written;
        }
        if !is_64_bit {
            let _ = rt_tgsigqueueinfo(thread::getpid(), thread::gettid(), signal, info);
            let bit = SigSet::EMPTY.with(signal).bits();
            cx.native.held |= bit & !uc.sigmask;
            uc.sigmask |= bit;
        }
        !is_64_bit
    }
}

/// Whether any processor takes it for an address, with four levels of page tables.
fn is_canonical(address: u64) -> bool {
    (address as i64) << 16 >> 16 == address as i64
}

fn word(address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    read_app(address, &mut bytes).ok().map(|()| u64::from_le_bytes(bytes))
}

/// The last instruction of a block, when it is an indirect call.
fn call_at_end(code: &dyn AppCode, block: AppRange) -> Option<Insn> {
    let bytes = code.bytes(block.start());
    let last = InsnIter::new(bytes.get(..block.len() as usize)?, block.start()).last()?;
    last.ok().filter(|insn| insn.flow() == Flow::CallIndirect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_repeat_their_highest_bit() {
        for address in [0, 0x7fff_ffff_ffff, u64::MAX, 0xffff_8000_0000_0000] {
            assert!(is_canonical(address), "{address:#x}");
        }
        for address in [1 << 47, 1 << 63, 0xffff_7fff_ffff_ffff] {
            assert!(!is_canonical(address), "{address:#x}");
        }
    }

    #[test]
    fn the_trap_flag_of_the_program_survives() {
        for trap in [0, TRAP_FLAG] {
            let mut state = AppState { rflags: 0x202 | trap, ..AppState::default() };
            let mut native = Native::begin(&mut state);
            assert_eq!(state.rflags, 0x202 | TRAP_FLAG);
            let _ = native.end(&mut state);
            assert_eq!((state.rflags, native.is_under_way()), (0x202 | trap, false));
            let _ = native.end(&mut state);
            assert_eq!(state.rflags, 0x202 | trap, "nothing was under way");
        }
    }
}
