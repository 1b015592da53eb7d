//! Signal handlers: what ends a run that does not end by itself.
//!
//! A handler runs on the thread's alternate stack, after the program may have wrecked its stack pointer and changed
//! the base of FS, which the handler's first instructions exchange for the thread's own. It stores the interrupted
//! registers to the frame and sends the thread to the landing; everything else happens there. A signal that meets
//! the thread elsewhere (in the gate, in this program's own code) changes nothing, or goes to whoever handled it
//! before.

use core::arch::{asm, naked_asm};
use core::mem::{offset_of, transmute};
use core::ptr::with_exposed_provenance_mut;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use midstride_frame::rflags;
use midstride_os::probe;
use midstride_os::signal::{
    KernelSigaction, SA_ONSTACK, SA_RESTART, SA_RESTORER, SA_SIGINFO, SIG_DFL, SIG_IGN, SIGBUS, SIGFPE,
    SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SigInfo, SigSet, SignalStack, UContext, rt_sigaction, rt_sigreturn,
};

use super::frame::{Frame, FrameRef, GatePlaces, Host, Signal, reason};
use super::gate::Need;
use super::registry::{ENTRIES, Entry};
use crate::error::StartError;
use crate::registers::visible_flags;

/// The signal by which threads are called. C libraries keep the first realtime signals to themselves and give
/// out the others from below.
pub(crate) const CALL_SIGNAL: i32 = 62;

/// Signals that instructions raise, and ours.
const SIGNALS: [i32; 7] = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, CALL_SIGNAL];

/// What the signals did before: handler, flags, restorer and mask.
static BEFORE: [[AtomicU64; 4]; SIGNALS.len()] = [const { [const { AtomicU64::new(0) }; 4] }; SIGNALS.len()];

static USERS: Mutex<usize> = Mutex::new(0);

/// Keeps the handlers installed. When the last one goes, what was there before comes back, unless somebody
/// else has changed it meanwhile.
#[derive(Debug)]
pub(crate) struct Installed(());

impl Installed {
    pub(crate) fn new() -> Result<Self, StartError> {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        if *users == 0 {
            SIGNALS.iter().zip(&BEFORE).try_for_each(|(signal, before)| install(*signal, before))?;
        }
        *users += 1;
        Ok(Self(()))
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        *users -= 1;
        if *users == 0 {
            SIGNALS.iter().zip(&BEFORE).for_each(|(signal, before)| restore(*signal, before));
        }
    }
}

fn install(signal: i32, before: &[AtomicU64; 4]) -> Result<(), StartError> {
    let failed = |errno| StartError::System { call: "rt_sigaction", errno };
    // SAFETY: asks only.
    let old = unsafe { rt_sigaction(signal, None) }.map_err(failed)?;
    // Before the handler is there: it may need them at once.
    for (slot, word) in before.iter().zip([old.handler, old.flags, old.restorer, old.mask.bits()]) {
        slot.store(word, Ordering::Release);
    }
    // SAFETY: `handler` follows the ABI and works at any instruction; the restorer is the kernel's way back.
    unsafe { rt_sigaction(signal, Some(&action())) }.map_err(failed)?;
    Ok(())
}

fn restore(signal: i32, before: &[AtomicU64; 4]) {
    // SAFETY: asks only.
    let now = unsafe { rt_sigaction(signal, None) };
    if now.is_ok_and(|now| now.handler == action().handler) {
        // SAFETY: this is what was in force before. It cannot fail for a signal that could be installed.
        let _ = unsafe { rt_sigaction(signal, Some(&stored(before))) };
    }
}

fn stored(before: &[AtomicU64; 4]) -> KernelSigaction {
    let [handler, flags, restorer, mask] = before.each_ref().map(|word| word.load(Ordering::Acquire));
    KernelSigaction { handler, flags, restorer, mask: SigSet::from_bits(mask) }
}

fn action() -> KernelSigaction {
    KernelSigaction {
        handler: enter as *const () as u64,
        flags: SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_RESTART,
        restorer: rt_sigreturn as *const () as u64,
        // Nothing may come between storing the program's state and leaving it.
        mask: SigSet::ALL,
    }
}

/// Calls the handler as this program's code has to be called: with alignment checks off and the thread's own FS,
/// since the kernel leaves both as the program has them. Compilers put accesses to thread-local storage wherever
/// they like (sanitizers and coverage do so in every function), hence the look for the frame in here.
#[unsafe(naked)]
extern "C" fn enter(signal: i32, info: *mut SigInfo, context: *mut UContext) {
    naked_asm!(
        "pushfq",
        "and dword ptr [rsp], {without}",
        "popfq",
        // rcx: the frame of the thread with this alternate stack, or null.
        "mov rax, [rdx + {stack}]",
        "lea r9, [rip + {entries}]",
        "lea r10, [r9 + {bytes}]",
        "2:",
        "cmp [r9], rax",
        "je 3f",
        "add r9, {entry}",
        "cmp r9, r10",
        "jne 2b",
        "xor ecx, ecx",
        "jmp {handler}",
        "3:",
        "mov rcx, [r9 + {frame}]",
        "cmp qword ptr [rcx + {base_instructions}], 0",
        "je {handler}",
        // r8: the FS of what was interrupted, which is put back behind the handler.
        "push rbx",
        "rdfsbase rbx",
        "mov r8, rbx",
        "mov rax, [rcx + {own_fs}]",
        "wrfsbase rax",
        "call {handler}",
        "wrfsbase rbx",
        "pop rbx",
        "ret",
        without = const !(rflags::AC as i32),
        stack = const offset_of!(UContext, stack) + offset_of!(SignalStack, sp),
        entries = sym ENTRIES,
        bytes = const size_of_val(&ENTRIES),
        entry = const size_of::<Entry>(),
        frame = const offset_of!(Entry, frame),
        base_instructions = const offset_of!(Frame, gate) + offset_of!(GatePlaces, base_instructions),
        own_fs = const offset_of!(Frame, host) + offset_of!(Host, fs_base),
        handler = sym handler,
    )
}

const _: () = assert!(offset_of!(Entry, stack) == 0);

/// `frame` is the thread's, or null; `fs` the base of FS of what was interrupted, where instructions change it.
extern "C" fn handler(signal: i32, info: *mut SigInfo, context: *mut UContext, frame: *mut Frame, fs: u64) {
    #[cfg(debug_assertions)]
    use_thread_local_storage();
    // SAFETY: the kernel passes the interrupted state, which is this handler's to change.
    let interrupted = unsafe { &mut *context };
    // SAFETY: the kernel passes the reason, which nobody else refers to.
    let reason = unsafe { &*info };
    let handled = FrameRef::from_pointer(frame)
        .is_some_and(|mut frame| handle(signal, reason, interrupted, frame.get(), fs));
    if !handled {
        pass_on(signal, info, context);
    }
}

/// What instrumented builds do everywhere. Tests crash here when FS is not the thread's own.
#[cfg(debug_assertions)]
fn use_thread_local_storage() {
    std::thread_local! {
        static SIGNALS: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
    }
    SIGNALS.set(SIGNALS.get().wrapping_add(1));
}

/// Handles a signal of a thread that runs programs; false when it has nothing to do with the program.
fn handle(signal: i32, info: &SigInfo, interrupted: &mut UContext, frame: &mut Frame, fs: u64) -> bool {
    let rip = interrupted.mcontext.rip;
    let in_gate = (frame.gate.start..frame.gate.end).contains(&rip);
    if frame.inside != 0 && !in_gate {
        match signal {
            CALL_SIGNAL if frame.called.load(Ordering::Acquire) == 0 => {}
            CALL_SIGNAL => leave(frame, interrupted, reason::CALLED, fs),
            _ => {
                frame.signal = Signal { number: signal, code: info.code, address: info.address() };
                leave(frame, interrupted, reason::SIGNAL, fs);
            }
        }
        return true;
    }
    match signal {
        CALL_SIGNAL if (frame.gate.turn_start..frame.gate.turn_end).contains(&rip) => {
            land(frame, interrupted);
        }
        CALL_SIGNAL => {}
        // A single step that goes on into the gate ends there.
        SIGTRAP if in_gate => interrupted.mcontext.rflags &= !rflags::TF,
        _ => return probed(interrupted),
    }
    true
}

/// Whether a read of memory that may not be there goes on behind its fault.
fn probed(interrupted: &mut UContext) -> bool {
    let resume = probe::fault_fixup(interrupted.mcontext.rip);
    if let Some(pc) = resume {
        interrupted.mcontext.rip = pc;
    }
    resume.is_some()
}

/// Stores the program's state and lets the thread leave it.
fn leave(frame: &mut Frame, interrupted: &mut UContext, reason: u32, fs: u64) {
    frame.gpr = interrupted.mcontext.gprs();
    frame.gpr.rflags = visible_flags(frame.gpr.rflags);
    if frame.loaded >= Need::Vector as u32 {
        // The kernel's copy is in the same format; a state that needs no area has none.
        let area = interrupted.mcontext.fpstate as usize;
        let from = with_exposed_provenance_mut::<u8>(area).cast_const();
        let to = (&raw mut *frame).wrapping_add(1).cast::<u8>();
        // SAFETY: the kernel saved an XSAVE area of this processor's format at `from`; the area behind the
        // frame has `area_bytes` bytes, and the two do not overlap.
        unsafe { to.copy_from_nonoverlapping(from, frame.gate.area_bytes as usize) };
    }
    if frame.loaded == Need::All as u32 && frame.gate.base_instructions != 0 {
        (frame.fs_base, frame.gs_base) = (fs, gs_base());
    }
    frame.reason = reason;
    land(frame, interrupted);
}

/// Lets the thread go to the landing.
fn land(frame: &mut Frame, interrupted: &mut UContext) {
    frame.inside = 0;
    let [integer, vector, all] = frame.gate.landings;
    interrupted.mcontext.rip = match frame.loaded {
        INTEGER => integer,
        VECTOR => vector,
        _ => all,
    };
    interrupted.mcontext.rsp = frame.host.rsp;
    interrupted.mcontext.rflags = PLAIN;
    // The program may have gone to 32-bit code, by a far transfer.
    (interrupted.mcontext.cs, interrupted.mcontext.ss) = (frame.host.cs as u16, frame.host.ss as u16);
}

const PLAIN: u64 = 0x202;
const INTEGER: u32 = Need::Integer as u32;
const VECTOR: u32 = Need::Vector as u32;

/// The base of GS, which is the program's still.
fn gs_base() -> u64 {
    let gs;
    // SAFETY: the caller has seen that the instruction is enabled; it reads a register.
    unsafe { asm!("rdgsbase {}", out(reg) gs, options(nomem, nostack, preserves_flags)) };
    gs
}

/// Does what was done about the signal before.
fn pass_on(signal: i32, info: *mut SigInfo, context: *mut UContext) {
    let Some(index) = SIGNALS.iter().position(|own| *own == signal) else { return };
    let before = stored(&BEFORE[index]);
    match before.handler {
        // A call that comes late, after its thread is done with programs.
        SIG_DFL | SIG_IGN if signal == CALL_SIGNAL => {}
        SIG_DFL | SIG_IGN => die(signal, before),
        handler => {
            // SAFETY: somebody installed it as a handler for this signal.
            let handler: extern "C" fn(i32, *mut SigInfo, *mut UContext) =
                unsafe { transmute(handler as usize) };
            handler(signal, info, context);
        }
    }
}

/// Lets the signal do what it does by itself.
fn die(signal: i32, before: KernelSigaction) {
    // SAFETY: this is what was in force before we came.
    let _ = unsafe { rt_sigaction(signal, Some(&before)) };
    // One that an instruction raised comes again when the handler returns; one that was sent does not.
    // It waits until then too: all signals are blocked here.
    let _ =
        midstride_os::thread::tgkill(midstride_os::thread::getpid(), midstride_os::thread::gettid(), signal);
}
