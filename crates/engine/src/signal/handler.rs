//! The kernel's way in.
#![allow(unsafe_code, reason = "is entered by the kernel with raw frames")]

use core::arch::{asm, naked_asm};
use core::sync::atomic::Ordering;

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::Gpr;
use midstride_block::{PcSource, Phase, Slot, Translation};
use midstride_os::nr;
use midstride_os::probe::fault_fixup;
use midstride_os::signal::{SIGBUS, SIGSEGV, SigInfo, SigSet, UContext, rt_tgsigqueueinfo};
use midstride_os::thread;

use super::calls::{put_state, state_of};
use super::deliver::{Delivery, copy_frame};
use super::{Step, TRAP_FLAG, USER_CS, USER_SS, is_fault, is_step};
use crate::code_map::{Writes, insns};
use crate::context::{AppState, ThreadContext, phase};
use crate::engine::{Engine, Span};
use crate::gate::answer;
use crate::memory::read_app;
use crate::policy::{CutShort, Domain, Policy};
use crate::syscall::After;

/// Where the program is when a signal arrives.
enum Place {
    /// In this state.
    Known(AppState, Phase),
    /// In the gate: it will be known at its end.
    Gate,
}

/// Called by the kernel, which leaves AC as the program has it: our code does not heed alignment.
#[unsafe(naked)]
unsafe extern "C" fn entry<P: Policy>() {
    naked_asm!("pushfq", "and dword ptr [rsp], 0xfffbffff", "popfq", "jmp {handler}", handler = sym handler::<P>)
}

/// Called on the thread's signal stack with all signals blocked.
unsafe extern "C" fn handler<P: Policy>(signal: i32, info: *mut SigInfo, uc: *mut UContext) {
    // SAFETY: the kernel passes a frame on this stack, which is ours until we return.
    let (info, uc) = unsafe { (&*info, &mut *uc) };
    let faulted = info.code > 0 && (signal == SIGSEGV || signal == SIGBUS);
    if let Some(pc) = fault_fixup(uc.mcontext.rip).filter(|_| faulted) {
        uc.mcontext.rip = pc;
        return;
    }
    let cx = current();
    let [bottom, top] = cx.signal_stack;
    // The gate's stack ends where this one begins.
    if bottom < uc.mcontext.rsp && uc.mcontext.rsp <= top {
        return postpone(signal, info, uc);
    }
    // SAFETY: threads under an engine have its address in their context, and engines live for ever.
    let engine = unsafe { &*core::ptr::with_exposed_provenance::<Engine<P>>(cx.engine as usize) };
    cx.call_mask = (uc.mcontext.rip == engine.gate.syscall_done.get()).then(|| temporary_mask(cx)).flatten();
    if engine.stays_native(cx, signal, info, uc) {
        return;
    }
    engine.arrived(cx, signal, info, uc);
}

fn is_step_done(cx: &ThreadContext, state: &AppState, at: u64, phase: Phase) -> bool {
    cx.native.is_under_way() || cx.step.is_done(state, at, phase)
}

/// A signal that faults raise was sent while another one is being handled: it comes again afterwards. No other
/// comes there, unless the program's stack pointer is there too.
fn postpone(signal: i32, info: &SigInfo, uc: &mut UContext) {
    if is_fault(signal, info) || !matches!(signal, SIGSEGV | SIGBUS) {
        let rip = uc.mcontext.rip;
        crate::fatal::fail(format_args!("signal {signal} on the stack of the signal handler, at {rip:#x}"));
    }
    let _ = rt_tgsigqueueinfo(thread::getpid(), thread::gettid(), signal, info);
    uc.sigmask |= SigSet::EMPTY.with(SIGSEGV).with(SIGBUS).bits();
}

/// The context of this thread.
fn current() -> &'static mut ThreadContext {
    let context: u64;
    // SAFETY: GS of a thread under an engine is the address of its context, whose first word is that
    // address too.
    unsafe { asm!("mov {}, gs:[0]", out(reg) context, options(nostack, readonly, preserves_flags)) };
    // SAFETY: as above; the thread itself is interrupted, and where it holds the context (in the gate)
    // only the fields for waiting signals are touched.
    unsafe { &mut *core::ptr::with_exposed_provenance_mut(context as usize) }
}

impl<P: Policy> Engine<P> {
    /// The address to tell the kernel.
    #[must_use]
    pub fn handler_address() -> u64 {
        entry::<P> as *const () as u64
    }

    /// A signal has arrived in code of ours, or in what runs natively for us.
    fn arrived(&self, cx: &mut ThreadContext, signal: i32, info: &SigInfo, uc: &mut UContext) {
        let stepped = is_step(signal, info);
        match self.place(cx, uc) {
            // The gate is left with the flag set again.
            Place::Gate if stepped => {}
            Place::Gate => self.defer(cx, signal, info, uc),
            Place::Known(state, phase) if stepped && !is_step_done(cx, &state, uc.mcontext.rip, phase) => {
                cx.step = Step::go_on(&state, uc.mcontext.rip, phase);
            }
            Place::Known(state, _) => self.arrived_at(cx, state, signal, info, uc),
        }
    }

    /// Likewise, with the program in this state.
    fn arrived_at(
        &self,
        cx: &mut ThreadContext,
        state: AppState,
        signal: i32,
        info: &SigInfo,
        uc: &mut UContext,
    ) {
        let stepped = is_step(signal, info);
        cx.state = state;
        let was_native = cx.native.is_under_way();
        uc.sigmask &= !cx.native.end(&mut cx.state);
        if was_native && stepped && cx.state.rflags & TRAP_FLAG == 0 {
            return self.go_through_gate(cx, uc);
        }
        cx.step = if stepped { Step::begin(&state) } else { Step::NONE };
        if signal == SIGSEGV && self.code_written(cx, info, uc) {
            return self.go_through_gate(cx, uc);
        }
        self.deliver_from_handler(cx, signal, info, uc);
    }

    fn place(&self, cx: &ThreadContext, uc: &UContext) -> Place {
        let pc = CachePc::new(uc.mcontext.rip);
        if self.gate.resume.contains(pc) || self.gate.before_syscall.contains(pc) {
            return Place::Known(cx.state, Phase::Inside);
        }
        if pc == self.gate.syscall_done && uc.mcontext.rbx == u64::from(answer::SYSCALL) {
            return Place::Known(answered(cx, uc), Phase::Inside);
        }
        // A door is already ours, though the phase does not say so yet.
        if cx.phase.load(Ordering::Relaxed) == phase::GATE || self.gate.all.contains(pc) {
            return Place::Gate;
        }
        let (state, phase) = self.state_in_cache(cx, uc, pc);
        Place::Known(state, phase)
    }

    /// The program's state while the thread is in the cache, or at a program address itself.
    fn state_in_cache(&self, cx: &ThreadContext, uc: &UContext, pc: CachePc) -> (AppState, Phase) {
        let mut state = state_of(uc);
        let mut shared = self.lock();
        let Some(found) = shared.cache.find(pc) else { return (state, Phase::Inside) };
        apply(cx, &mut state, &found.translation);
        let block = shared.cache.block(found.block).copied().filter(|_| found.hot_offset.is_some());
        let Some(block) = block else { return (state, found.phase) };
        if block.app.contains(state.app_pc()) {
            let bytes = state.pc - block.app.start().get();
            let probed = found.hot_offset.is_some_and(|offset| offset >= block.probe_end);
            let done = AppRange::new(block.app.start(), state.app_pc());
            let insns = insns(&shared.code, done).count() as u32;
            let first_run = cx.fresh_block == found.block.get();
            self.policy.cut_short(cx, CutShort { tag: block.tag, insns, bytes, probed, first_run });
            if first_run {
                // Built anew it is reported anew: a later run may go to its end.
                shared.cache.retire(found.block);
            }
        }
        (state, found.phase)
    }

    /// Whether the fault is a write to code that we protected. The page is open now, its blocks are
    /// retired, and the writing instruction will be run by itself.
    pub(crate) fn code_written(&self, cx: &mut ThreadContext, info: &SigInfo, uc: &UContext) -> bool {
        const WRITE: u64 = 2;
        if info.code <= 0 || uc.mcontext.err & WRITE == 0 {
            return false;
        }
        let mut shared = self.lock();
        let address = AppPc::new(info.address());
        let Some(range) = shared.watch.open(address.get()) else {
            // Another thread may have opened it since.
            let writable = shared.code.area(address).is_some_and(|area| area.writes == Writes::Here);
            return writable && shared.watch.knows(address.get());
        };
        shared.cache.invalidate(range);
        cx.span = Span::OneInsn;
        true
    }

    /// Keeps the signal until the gate's end; no other comes meanwhile.
    fn defer(&self, cx: &mut ThreadContext, signal: i32, info: &SigInfo, uc: &mut UContext) {
        if is_fault(signal, info) {
            crate::fatal::fail(format_args!(
                "signal {signal} in the engine itself, at {:#x} for {:#x}",
                uc.mcontext.rip,
                info.address()
            ));
        }
        keep(cx, signal, info, uc);
        if let Some(pc) = super::back::restart(uc.mcontext.rip) {
            uc.mcontext.rip = pc;
        }
    }

    /// The thread is outside the gate: when the kernel's handler returns, it is in the program's.
    fn deliver_from_handler(&self, cx: &mut ThreadContext, signal: i32, info: &SigInfo, uc: &mut UContext) {
        if P::DOMAIN == Domain::Threads {
            // The kernel's frame lies where the program's has to: it is written in the gate.
            keep(cx, signal, info, uc);
            return self.go_through_gate(cx, uc);
        }
        let mut frame = *uc;
        put_state(&mut frame, &cx.state);
        match self.deliver(cx, signal, info, &frame) {
            Delivery::Handled { mask } => {
                uc.sigmask = mask;
                uc.mcontext.fpstate = 0;
                self.go_through_gate(cx, uc);
            }
            Delivery::Ignored => self.go_through_gate(cx, uc),
            Delivery::Fatal { mask } => uc.sigmask = mask,
        }
    }

    /// Lets the thread come out of the kernel in the gate, which resumes at the context's state.
    fn go_through_gate(&self, cx: &mut ThreadContext, uc: &mut UContext) {
        cx.phase.store(phase::GATE, Ordering::Relaxed);
        uc.mcontext.rip = self.gate.redispatch.get();
        uc.mcontext.rflags &= !DANGEROUS_FLAGS;
        (uc.mcontext.cs, uc.mcontext.ss) = (USER_CS, USER_SS);
    }
}

/// The signal will be delivered at the gate's end; no other comes meanwhile.
fn keep(cx: &mut ThreadContext, signal: i32, info: &SigInfo, uc: &mut UContext) {
    cx.held_mask = cx.take_shielded_mask().map_or(uc.sigmask, SigSet::bits);
    copy_frame(cx, signal, info, uc);
    cx.has_pending.store(1, Ordering::Relaxed);
    uc.sigmask = SigSet::ALL.bits();
}

/// TF, DF, NT and AC are the program's, not the gate's.
const DANGEROUS_FLAGS: u64 = 0x4_4500;

/// The state behind a system call that has just been answered.
fn answered(cx: &ThreadContext, uc: &UContext) -> AppState {
    let mut state = cx.state;
    state.set(Gpr::Rax, uc.mcontext.rax);
    state.set(Gpr::Rcx, cx.next_pc);
    state.set(Gpr::R11, cx.state.rflags);
    state.pc = cx.next_pc;
    debug_assert!(cx.after == After::Nothing, "calls with work behind them are not left early");
    state
}

/// The signal mask that the system call under way has put in place of the thread's.
fn temporary_mask(cx: &ThreadContext) -> Option<u64> {
    let word = |address: u64| {
        let mut bytes = [0; 8];
        read_app(address, &mut bytes).ok().map(|()| u64::from_le_bytes(bytes))
    };
    let at = match cx.state.get(Gpr::Rax) {
        nr::RT_SIGSUSPEND => cx.state.get(Gpr::Rdi),
        nr::PPOLL => cx.state.get(Gpr::R10),
        nr::EPOLL_PWAIT | nr::EPOLL_PWAIT2 => cx.state.get(Gpr::R8),
        nr::PSELECT6 | nr::IO_PGETEVENTS => word(cx.state.get(Gpr::R9))?,
        _ => 0,
    };
    (at != 0).then(|| word(at)).flatten()
}

/// Takes registers from their slots and finds the pc.
fn apply(cx: &ThreadContext, state: &mut AppState, translation: &Translation) {
    let slot = |slot: Slot| cx.slots[slot as usize];
    for (reg, from) in translation.saved() {
        state.set(reg, slot(from));
    }
    state.pc = match translation.pc {
        PcSource::Known(pc) => pc.get(),
        PcSource::BelowStack => crate::emulate::below_stack(state),
        PcSource::TargetSlot => slot(Slot::Target),
        PcSource::Exit(_) => state.pc,
    };
}
