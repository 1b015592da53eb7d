//! Writing the program's signal frame.
#![allow(unsafe_code, reason = "returns through a frame of our own")]

use core::sync::atomic::Ordering;

use midstride_asm::Gpr;
use midstride_os::signal::{
    KernelSigaction, MaskHow, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SI_KERNEL, SIG_DFL, SIG_IGN, SIGFPE,
    SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SS_AUTODISARM, SS_DISABLE, SigInfo, SigSet, SignalFrame, SignalStack,
    UContext, rt_sigprocmask, rt_tgsigqueueinfo,
};
use midstride_os::thread;

use super::calls::{is_on_stack, put_state};
use super::{USER_CS, USER_SS, is_fault, wrap};
use crate::context::{PENDING_BYTES, ThreadContext};
use crate::engine::Engine;
use crate::gate::EngineCode;
use crate::memory::{read_app, write_app, write_value};
use crate::policy::{Domain, Policy};
use crate::syscall::Verdict;

/// What became of a signal.
pub(super) enum Delivery {
    /// The context's state is that at the start of the program's handler, which runs with this mask.
    Handled { mask: u64 },
    /// The program ignores it.
    Ignored,
    /// The process dies of it as soon as this mask is set.
    Fatal { mask: u64 },
}

/// Bytes below the stack pointer that are the program's (System V ABI, 3.2.2).
const RED_ZONE: u64 = 128;
/// What the kernel clears for a handler: DF, TF, RF.
const HANDLER_FLAGS_CLEARED: u64 = 0x1_0500;

/// A signal that waits, as kept in a context.
#[repr(C)]
struct Waiting {
    signal: i32,
    xstate_bytes: u32,
    info: SigInfo,
    uc: UContext,
}

const XSTATE_AT: usize = size_of::<Waiting>().next_multiple_of(64);

/// Bytes of the extended state whose first 512 are `legacy` (Linux `struct _fpx_sw_bytes`: magic at 464,
/// size with its trailing magic at 468).
fn xstate_size(legacy: &[u8; 512]) -> usize {
    const MAGIC: u32 = 0x4650_5853;
    let word = |at: usize| u32::from_le_bytes([legacy[at], legacy[at + 1], legacy[at + 2], legacy[at + 3]]);
    if word(464) == MAGIC { (word(468) as usize).max(512) } else { 512 }
}

/// Bytes of the extended state that a frame of the kernel's points to.
fn xstate_bytes(uc: &UContext) -> u64 {
    if uc.mcontext.fpstate == 0 {
        return 0;
    }
    let legacy = core::ptr::with_exposed_provenance::<[u8; 512]>(uc.mcontext.fpstate as usize);
    // SAFETY: the kernel wrote at least 512 bytes there, or `keep_xstate` did; nobody else writes.
    xstate_size(unsafe { &*legacy }) as u64
}

/// Keeps a frame until the gate's end.
pub(super) fn copy_frame(cx: &mut ThreadContext, signal: i32, info: &SigInfo, uc: &UContext) {
    let bytes = xstate_bytes(uc);
    let room = (PENDING_BYTES - XSTATE_AT) as u64;
    let kept = if bytes <= room { bytes } else { 0 };
    let waiting = Waiting { signal, xstate_bytes: kept as u32, info: *info, uc: *uc };
    let to = cx.pending.as_mut_ptr().cast::<u8>();
    // SAFETY: the buffer is larger than the structure and aligned to 8 bytes, as that is.
    unsafe { to.cast::<Waiting>().write(waiting) };
    let from = core::ptr::with_exposed_provenance::<u8>(uc.mcontext.fpstate as usize);
    // SAFETY: `kept` bytes are in the kernel's frame and fit behind the structure.
    unsafe { core::ptr::copy_nonoverlapping(from, to.add(XSTATE_AT), kept as usize) };
}

/// The extended state changes while a signal waits: its frame shall hold the new one, which lies at
/// `fpstate` in the program's memory (0: the initial state).
pub(super) fn keep_xstate(cx: &mut ThreadContext, fpstate: u64) {
    let mut legacy = [0; 512];
    let mut bytes = 0;
    if fpstate != 0 && read_app(fpstate, &mut legacy).is_ok() {
        bytes = xstate_size(&legacy).min(PENDING_BYTES - XSTATE_AT);
    }
    let to = cx.pending.as_mut_ptr().cast::<u8>();
    // SAFETY: the buffer is larger than the structure and what is behind it, and nobody else has it.
    let buffer = unsafe { core::slice::from_raw_parts_mut(to.add(XSTATE_AT), bytes) };
    let kept = if read_app(fpstate, buffer).is_ok() { bytes } else { 0 };
    // SAFETY: `copy_frame` wrote the structure.
    unsafe { (*to.cast::<Waiting>()).xstate_bytes = kept as u32 };
}

/// The extended state of the kept frame.
fn kept_xstate(cx: &mut ThreadContext) -> &mut [u8] {
    let from = cx.pending.as_mut_ptr().cast::<u8>();
    // SAFETY: `copy_frame` wrote the structure.
    let bytes = unsafe { (*from.cast::<Waiting>()).xstate_bytes } as usize;
    // SAFETY: it keeps that many bytes behind the structure, in the same buffer.
    unsafe { core::slice::from_raw_parts_mut(from.add(XSTATE_AT), bytes) }
}

/// The kept frame; its state pointer leads into the context.
fn kept_frame(cx: &ThreadContext) -> (i32, SigInfo, UContext) {
    let from = cx.pending.as_ptr().cast::<u8>();
    // SAFETY: `copy_frame` wrote it.
    let waiting = unsafe { from.cast::<Waiting>().read() };
    let mut uc = waiting.uc;
    uc.mcontext.fpstate =
        if waiting.xstate_bytes == 0 { 0 } else { from.expose_provenance() as u64 + XSTATE_AT as u64 };
    (waiting.signal, waiting.info, uc)
}

impl<P: Policy> Engine<P> {
    /// Delivers `signal` to the program, whose registers are in the context and in `uc`.
    pub(super) fn deliver(
        &self,
        cx: &mut ThreadContext,
        signal: i32,
        info: &SigInfo,
        uc: &UContext,
    ) -> Delivery {
        let action = self.action(cx, signal);
        let by_fault = is_fault(signal, info);
        let masked = SigSet::from_bits(uc.sigmask).contains(signal);
        match action.handler {
            SIG_IGN if !by_fault => Delivery::Ignored,
            SIG_DFL | SIG_IGN => self.die(signal, info, uc),
            _ if by_fault && masked => self.die(signal, info, uc),
            _ => self.handle(cx, signal, &action, info, uc),
        }
    }

    /// Lets the context's state be the start of the handler that `action` names.
    fn handle(
        &self,
        cx: &mut ThreadContext,
        signal: i32,
        action: &KernelSigaction,
        info: &SigInfo,
        uc: &UContext,
    ) -> Delivery {
        let info = self.app_info(cx, signal, info);
        if write_frame(cx, signal, action, &info, uc).is_err() {
            // The stack may be code as well.
            Self::open_all(&mut self.lock());
            if write_frame(cx, signal, action, &info, uc).is_err() {
                return self.no_stack(uc);
            }
        }
        // The kernel has seen to it where it knows the program's own action.
        if action.flags & SA_RESETHAND != 0 && P::DOMAIN == Domain::Process {
            self.signals.reset(cx.sighand, signal);
        }
        self.policy.delivered(cx, signal);
        let own = if action.flags & SA_NODEFER == 0 { SigSet::EMPTY.with(signal) } else { SigSet::EMPTY };
        // During sigsuspend and its like the frame keeps the old mask, but the temporary one is in force.
        let base = core::mem::take(&mut cx.call_mask).unwrap_or(uc.sigmask);
        Delivery::Handled { mask: base | action.mask.union(own).bits() }
    }

    /// The kernel's default action, with the same information.
    fn die(&self, signal: i32, info: &SigInfo, uc: &UContext) -> Delivery {
        self.signals.give_up(signal);
        let _ = rt_tgsigqueueinfo(thread::getpid(), thread::gettid(), signal, info);
        Delivery::Fatal { mask: SigSet::from_bits(uc.sigmask).without(signal).bits() }
    }

    /// The frame does not fit the program's stack: the kernel raises SIGSEGV, and kills if that was it.
    fn no_stack(&self, uc: &UContext) -> Delivery {
        self.die(SIGSEGV, &forced(SIGSEGV), uc)
    }

    /// Faults that name an instruction name the program's.
    fn app_info(&self, cx: &ThreadContext, signal: i32, info: &SigInfo) -> SigInfo {
        let mut info = *info;
        let names_code = [SIGILL, SIGFPE, SIGTRAP, SIGSYS].contains(&signal) && info.code > 0;
        if names_code && info.code != SI_KERNEL {
            info.words[0] = cx.state.pc;
        }
        info
    }

    /// At the gate's end: delivers the signal that came meanwhile, if any.
    pub(crate) fn deliver_pending(&self, cx: &mut ThreadContext) {
        if cx.has_pending.load(Ordering::Relaxed) == 0 {
            // Nothing is stored: one that comes right now waits for the next time.
            return;
        }
        // All signals are blocked since it came.
        cx.has_pending.store(0, Ordering::Relaxed);
        self.keep_saved_vectors(cx);
        let (signal, info, mut uc) = kept_frame(cx);
        uc.sigmask = cx.held_mask;
        put_state(&mut uc, &cx.state);
        match self.deliver(cx, signal, &info, &uc) {
            Delivery::Handled { mask } => {
                self.kernel_return(cx, mask, 0, uc.flags);
            }
            Delivery::Ignored => {
                let _ = rt_sigprocmask(MaskHow::Set, Some(SigSet::from_bits(uc.sigmask)));
            }
            Delivery::Fatal { mask } => {
                let _ = rt_sigprocmask(MaskHow::Set, Some(SigSet::from_bits(mask)));
            }
        }
    }

    /// The program's action.
    fn action(&self, cx: &ThreadContext, signal: i32) -> KernelSigaction {
        match P::DOMAIN {
            Domain::Process => self.signals.action(cx.sighand, signal),
            Domain::Threads => wrap::action(signal),
        }
    }

    /// A signal that came while the engine's code used vector registers found those in them: the program's
    /// are where the gate saved them.
    fn keep_saved_vectors(&self, cx: &mut ThreadContext) {
        let EngineCode::Vector { xsave_bytes } = self.gate.code else { return };
        let saved = cx.gate_stack - u64::from(xsave_bytes.next_multiple_of(64));
        let saved = core::ptr::with_exposed_provenance::<u8>(saved as usize);
        // SAFETY: the gate saved that many bytes there before it called us, and nobody writes them.
        let saved = unsafe { core::slice::from_raw_parts(saved, xsave_bytes as usize) };
        let kept = kept_xstate(cx);
        let Some(size) = kept.get(480..484).and_then(|bytes| bytes.try_into().ok()) else { return };
        // What software keeps (Linux `struct _fpx_sw_bytes`) stays: in front of the header, and behind all.
        let end = (u32::from_le_bytes(size) as usize).min(kept.len()).min(saved.len());
        for range in [0..464, 512..end.max(512)] {
            if let (Some(to), Some(from)) = (kept.get_mut(range.clone()), saved.get(range)) {
                to.copy_from_slice(from);
            }
        }
    }

    /// The kernel would kill with this signal, whatever the program wants done about it.
    pub(crate) fn die_of(&self, info: &SigInfo) {
        self.signals.give_up(info.signo);
        let _ = rt_tgsigqueueinfo(thread::getpid(), thread::gettid(), info.signo, info);
        let _ = rt_sigprocmask(MaskHow::Set, Some(SigSet::ALL.without(info.signo)));
    }

    /// Sets mask and extended state as the kernel does when a handler returns, and goes on in the
    /// gate at the context's state. Does not return.
    pub(super) fn kernel_return(
        &self,
        cx: &mut ThreadContext,
        mask: u64,
        fpstate: u64,
        flags: u64,
    ) -> Verdict {
        // The frame's mask is the program's.
        cx.shield = None;
        let [start, end] = cx.signal_stack;
        let mut frame = SignalFrame::default();
        frame.ucontext.flags = flags;
        frame.ucontext.stack = SignalStack { sp: start, flags: 0, pad: 0, size: end - start };
        frame.ucontext.sigmask = mask;
        let m = &mut frame.ucontext.mcontext;
        m.rip = self.gate.redispatch.get();
        m.rsp = cx.gate_stack;
        m.rflags = PLAIN_FLAGS;
        (m.cs, m.ss) = (USER_CS, USER_SS);
        m.fpstate = fpstate;
        // SAFETY: the frame lies on the gate's stack, which the gate starts anew at `redispatch`.
        unsafe { super::back::return_through(&raw mut frame, cx) }
    }
}

/// What the kernel says of a signal that it raises without an instruction to blame.
pub(crate) fn forced(signal: i32) -> SigInfo {
    SigInfo { signo: signal, code: SI_KERNEL, ..SigInfo::default() }
}

/// The reserved bit, and IF.
const PLAIN_FLAGS: u64 = 0x202;

/// Writes the frame and lets the context's state be that at the handler's start.
fn write_frame(
    cx: &mut ThreadContext,
    signal: i32,
    action: &KernelSigaction,
    info: &SigInfo,
    uc: &UContext,
) -> Result<(), midstride_os::Errno> {
    let xstate = xstate_bytes(uc);
    let top = frame_top(cx, action);
    let xstate_at = top.wrapping_sub(xstate) & !63;
    let at = (xstate_at.wrapping_sub(size_of::<SignalFrame>() as u64) & !15).wrapping_sub(8);
    let from = core::ptr::with_exposed_provenance::<u8>(uc.mcontext.fpstate as usize);
    if xstate > 0 {
        // SAFETY: the kernel wrote these bytes; nobody writes them meanwhile.
        write_app(xstate_at, unsafe { core::slice::from_raw_parts(from, xstate as usize) })?;
    }
    let uc_at = at.wrapping_add(8);
    let info_at = uc_at.wrapping_add(size_of::<UContext>() as u64);
    write_app(at, &action.restorer.to_le_bytes())?;
    write_value(uc_at, &shown_context(cx, uc, if xstate == 0 { 0 } else { xstate_at }))?;
    write_value(info_at, info)?;
    if cx.altstack[1] & u64::from(SS_AUTODISARM) != 0 {
        cx.altstack = super::NO_STACK;
    }
    let arguments = [(Gpr::Rax, 0), (Gpr::Rdi, signal as u64), (Gpr::Rsi, info_at), (Gpr::Rdx, uc_at)];
    arguments.into_iter().for_each(|(reg, value)| cx.state.set(reg, value));
    cx.state.set(Gpr::Rsp, at);
    cx.state.rflags &= !HANDLER_FLAGS_CLEARED;
    cx.state.pc = action.handler;
    Ok(())
}

/// What of the kernel's context the program is shown: its own alternate stack, and its extended state at `fpstate`.
fn shown_context(cx: &ThreadContext, uc: &UContext, fpstate: u64) -> UContext {
    let [sp, flags, size] = cx.altstack;
    let mut shown = *uc;
    shown.stack = SignalStack { sp, flags: flags as u32, pad: 0, size };
    shown.link = 0;
    shown.mcontext.fpstate = fpstate;
    shown
}

/// Below which address the frame goes.
fn frame_top(cx: &ThreadContext, action: &KernelSigaction) -> u64 {
    let rsp = cx.state.get(Gpr::Rsp);
    let [sp, flags, size] = cx.altstack;
    let wanted = action.flags & SA_ONSTACK != 0 && flags & u64::from(SS_DISABLE) == 0 && size != 0;
    if wanted && !is_on_stack(cx, rsp) { sp.wrapping_add(size) } else { rsp.wrapping_sub(RED_ZONE) }
}
