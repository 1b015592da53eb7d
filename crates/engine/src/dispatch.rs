//! What happens behind each door of the gate.
#![allow(unsafe_code, reason = "is called by the gate with a thread's context")]

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_block::{Door, ExitId, ExitKind, Landing, Slot};

use crate::context::{ThreadContext, phase};
use crate::emulate;
use crate::engine::{Arrival, Engine};
use crate::fatal;
use crate::gate::answer;
use crate::policy::{Domain, Following, Leaving, Policy};

impl<P: Policy> Engine<P> {
    /// The address of the gate's `dispatch` for engines of this policy.
    #[must_use]
    pub fn dispatch_address() -> u64 {
        dispatch::<P> as *const () as u64
    }

    /// The address of the gate's `after`.
    #[must_use]
    pub fn after_address() -> u64 {
        after::<P> as *const () as u64
    }

    fn serve(&self, cx: &mut ThreadContext, door: Door) -> u32 {
        match door {
            Door::Direct => self.direct(cx),
            Door::Return => {
                let target = emulate::below_stack(&cx.state);
                self.indirect(cx, target, Landing::Return)
            }
            Door::Indirect => {
                let target = cx.slots[Slot::Target as usize];
                self.indirect(cx, target, Landing::Indirect)
            }
            Door::Syscall => self.system_call(cx),
            Door::Emulate => self.emulate(cx),
            Door::Callout => self.callout(cx),
            Door::Stale => self.stale(cx),
        }
    }

    fn direct(&self, cx: &mut ThreadContext) -> u32 {
        let shared = self.lock();
        self.policy.entered(cx, Door::Direct);
        let exit = exit_number(cx);
        let target = shared.cache.exit(exit).map(|exit| exit.target);
        let target =
            target.unwrap_or_else(|| crate::fatal::fail(format_args!("unknown exit {}", exit.get())));
        self.resolve(cx, shared, target, Arrival::Exit(exit))
    }

    fn indirect(&self, cx: &mut ThreadContext, target: u64, landing: Landing) -> u32 {
        cx.state.set(Gpr::Rcx, cx.slots[Slot::Rcx as usize]);
        let mut shared = self.lock();
        self.policy.entered(cx, if landing == Landing::Return { Door::Return } else { Door::Indirect });
        if self.undo_impossible_branch(cx, &mut shared, target, landing) {
            return self.run_natively(cx, &shared);
        }
        self.resolve(cx, shared, AppPc::new(target), Arrival::Table(landing))
    }

    /// A block found its code changed: it and its neighbours in the same bytes go.
    fn stale(&self, cx: &mut ThreadContext) -> u32 {
        let mut shared = self.lock();
        self.policy.entered(cx, Door::Stale);
        let exit = shared.cache.exit(exit_number(cx)).copied();
        let block = exit.and_then(|exit| shared.cache.block(exit.block).copied());
        let Some(block) = block else { crate::fatal::fail(format_args!("a stale block came from nowhere")) };
        shared.cache.invalidate(block.app);
        self.resolve(cx, shared, block.app.start(), Arrival::Gate)
    }

    fn callout(&self, cx: &mut ThreadContext) -> u32 {
        let shared = self.lock();
        let exit = shared.cache.exit(exit_number(cx)).copied();
        let Some((ExitKind::Callout { id, resume }, at)) = exit.map(|exit| (exit.kind, exit.at)) else {
            crate::fatal::fail(format_args!("a callout came from nowhere"))
        };
        cx.state.pc = at.get();
        let following = self.policy.callout(id, &mut cx.state);
        if P::DOMAIN == Domain::Threads && following == Following::End {
            drop(shared);
            return self.leave(cx, Leaving::Asked);
        }
        if cx.state.pc == at.get() {
            self.resume_at(cx, resume);
            return answer::RESUME;
        }
        let pc = cx.state.app_pc();
        self.resolve(cx, shared, pc, Arrival::Gate)
    }

    fn emulate(&self, cx: &mut ThreadContext) -> u32 {
        let shared = self.lock();
        self.policy.entered(cx, Door::Emulate);
        let exit = shared.cache.exit(exit_number(cx)).copied();
        let Some(exit) = exit else { crate::fatal::fail(format_args!("an instruction came from nowhere")) };
        cx.state.pc = exit.at.get();
        match emulate::carry_out(&mut cx.state, exit.at, &shared.code) {
            emulate::Outcome::Done => {
                let pc = cx.state.app_pc();
                self.resolve(cx, shared, pc, Arrival::Gate)
            }
            emulate::Outcome::Native => self.run_natively(cx, &shared),
            emulate::Outcome::WithoutGs { at } => self.run_natively_at(cx, &shared, at),
            emulate::Outcome::TakesGs { base } => {
                drop(shared);
                self.without_gs(cx, base)
            }
        }
    }

    /// The program is about to use GS itself, where the engine's slots are.
    fn without_gs(&self, cx: &mut ThreadContext, base: u64) -> u32 {
        match P::DOMAIN {
            Domain::Process => fatal::gs_is_used(base),
            Domain::Threads => self.leave(cx, Leaving::Segment),
        }
    }

    /// Behind a system call, or when a signal waits.
    fn behind(&self, cx: &mut ThreadContext, occasion: u32) -> u32 {
        let _ = cx.native.end(&mut cx.state);
        match occasion {
            answer::RESUME => self.abandon_call(cx),
            made => self.after_system_call(cx, made),
        }
        self.deliver_pending(cx);
        let shared = self.lock();
        let pc = cx.state.app_pc();
        self.resolve(cx, shared, pc, Arrival::Gate)
    }
}

pub(crate) fn exit_number(cx: &ThreadContext) -> ExitId {
    ExitId::from_number(cx.slots[Slot::Exit as usize] as u32)
}

/// Called by the gate.
unsafe extern "C" fn dispatch<P: Policy>(cx: *mut ThreadContext, door: u32) -> u32 {
    // SAFETY: the gate passes the context of the running thread, which nobody else borrows: other
    // threads read its atomics only, signal handlers of this thread defer to the gate.
    let cx = unsafe { &mut *cx };
    // SAFETY: every context is given its engine when it is made, and engines live for ever.
    let engine = unsafe { &*core::ptr::with_exposed_provenance::<Engine<P>>(cx.engine as usize) };
    let door = Door::ALL[door as usize];
    engine.shielded(cx, |cx| engine.serve(cx, door))
}

/// Called by the gate.
unsafe extern "C" fn after<P: Policy>(cx: *mut ThreadContext, occasion: u32) -> u32 {
    // SAFETY: as in `dispatch`.
    let cx = unsafe { &mut *cx };
    // SAFETY: as in `dispatch`.
    let engine = unsafe { &*core::ptr::with_exposed_provenance::<Engine<P>>(cx.engine as usize) };
    cx.phase.store(phase::GATE, core::sync::atomic::Ordering::Relaxed);
    match occasion {
        // Signals are blocked already, until both sides of the clone have settled.
        answer::CLONE | answer::CLONE_LEAVING => engine.behind(cx, occasion),
        _ => engine.shielded(cx, |cx| engine.behind(cx, occasion)),
    }
}
