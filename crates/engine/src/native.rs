//! Instructions that run where they are: those that the decoder does not know, that lie where nothing can be
//! executed, or that lead out of the flat 64-bit code segment.
//!
//! The processor decides what they are, at the program's own address: it raises what it raises there, with
//! every detail as without us, or it carries them out. The trap flag brings the thread back behind the instruction, and
//! as soon as it is in 64-bit code again: 32-bit code is run step by step. It is not followed further than
//! that: what it does to mappings is not seen, and a handler of its faults cannot return into it.

use midstride_addr::CachePc;
use midstride_os::signal::{SIGSEGV, SigInfo, SigSet, UContext, rt_tgsigqueueinfo};
use midstride_os::thread;

use crate::context::{AppState, ThreadContext};
use crate::engine::{Engine, Shared, Span};
use crate::gate::answer;
use crate::policy::{Domain, Policy};
use crate::signal::{TRAP_FLAG, USER_CS, is_fault, is_step};

/// An instruction of the program's that runs natively, or is about to.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(crate) struct Native {
    way: Way,
    /// Where it is run.
    at: u64,
    /// Its address, which is another when its override of GS is left out.
    pc: u64,
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
    fn begin(state: &mut AppState, at: u64) -> Self {
        let trap = state.rflags & TRAP_FLAG;
        state.rflags |= TRAP_FLAG;
        Self { way: Way::Native, at, pc: state.pc, trap, held: 0 }
    }

    /// Whether an instruction runs natively.
    pub(crate) fn is_under_way(&self) -> bool {
        self.way == Way::Native
    }

    /// The state was reached natively, or the gate was not left: the trap flag is the program's again, and so is the
    /// address of an instruction that was not carried out. Answers the signals to be let through again.
    pub(crate) fn end(&mut self, state: &mut AppState) -> u64 {
        if self.pc != 0 && state.pc == self.at {
            state.pc = self.pc;
        }
        if self.is_under_way() {
            state.rflags = state.rflags & !TRAP_FLAG | self.trap;
        }
        core::mem::take(self).held
    }
}

impl<P: Policy> Engine<P> {
    /// Lets the thread run the instruction at its pc natively, and only that where single steps come to us.
    pub(crate) fn run_natively(&self, cx: &mut ThreadContext, shared: &Shared) -> u32 {
        self.run_natively_at(cx, shared, cx.state.pc)
    }

    /// Likewise with what stands at `at` in place of its first bytes.
    pub(crate) fn run_natively_at(&self, cx: &mut ThreadContext, _: &Shared, at: u64) -> u32 {
        self.resume_at(cx, CachePc::new(at));
        // Outside the cache, for however long.
        cx.epoch.store(u64::MAX, core::sync::atomic::Ordering::SeqCst);
        if self.sees_steps() {
            cx.native = Native::begin(&mut cx.state, at);
        } else if at != cx.state.pc {
            // If it faults, it is to be known.
            cx.native = Native { at, pc: cx.state.pc, ..Native::default() };
        }
        answer::RESUME
    }

    /// Whether what cannot be copied may be left to the processor: it comes back by a single step.
    pub(crate) fn sees_steps(&self) -> bool {
        P::DOMAIN == Domain::Process && !self.signals.leaves_faults()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trap_flag_of_the_program_survives() {
        for trap in [0, TRAP_FLAG] {
            let mut state = AppState { rflags: 0x202 | trap, ..AppState::default() };
            let mut native = Native::begin(&mut state, 0);
            assert_eq!(state.rflags, 0x202 | TRAP_FLAG);
            let _ = native.end(&mut state);
            assert_eq!((state.rflags, native.is_under_way()), (0x202 | trap, false));
            let _ = native.end(&mut state);
            assert_eq!(state.rflags, 0x202 | trap, "nothing was under way");
        }
    }

    #[test]
    fn an_instruction_that_is_run_without_its_first_bytes_faults_at_its_own_address() {
        for (reached, shown) in [(0x1001, 0x1000), (0x2000, 0x2000)] {
            let mut state = AppState { pc: 0x1000, ..AppState::default() };
            let mut native = Native::begin(&mut state, 0x1001);
            state.pc = reached;
            let _ = native.end(&mut state);
            assert_eq!(state.pc, shown);
        }
    }
}
