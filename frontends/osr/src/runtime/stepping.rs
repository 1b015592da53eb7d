//! Threads are stepped to the next place where their code can be stopped.
//!
//! Loops have no instruction that looks whether somebody wants the code to stop. So whoever does stores the
//! wish, and a limit that no stack pointer is above, and signals the thread. The handler sets the trap flag:
//! the processor raises SIGTRAP behind each instruction until the thread
//!
//! - is at the start of a loop: there it goes on in the loop's cold code, if the limit asks for it;
//! - comes to a place where the code looks at the limit itself: entries of functions compare, and so do the
//!   ways back from Rust (`compile/thunks.rs`), which have the thread stepped anew when the limit asks;
//! - faults, or leaves compiled code.
//!
//! All but the first are places where no wish is lost by not stepping on, because the limit stays as it is
//! until somebody has looked at it.
//!
//! A step takes a thousand times as long as an instruction. Where there are many up to the next such place, the
//! thread runs on after some of them, and a timer signals it again. Most often it has looked at the limit
//! by then: long loops compare, and what is no loop is soon behind it.

use std::cell::Cell;

use midstride_os::signal::{SI_TIMER, SIGURG, SigInfo, SigSet, TRAP_TRACE, UContext};
use midstride_os::thread::{getpid, gettid, tgkill};

use super::code::{self, Place, Steps};
use super::layout::VmHeader;
use super::thread;
use crate::compile::SKIPPED;

/// EFLAGS.TF.
const TRAP_FLAG: u64 = 1 << 8;

/// `rep stosq`, which functions have only where they clear their locals.
const CLEARS_LOCALS: [u8; 3] = [0xf3, 0x48, 0xab];

thread_local! {
    /// The instruction that runs with the trap flag that was set here; 0: none does.
    static STEPPED: Cell<u64> = const { Cell::new(0) };
    /// How many steps are left, and how many there were to be.
    static LEFT: Cell<(u32, u32)> = const { Cell::new((FIRST, FIRST)) };
    /// Whether somebody else had set the flag before, who gets the traps too, and takes it away.
    static SHARED: Cell<bool> = const { Cell::new(false) };
}

/// So many steps are made before the thread runs on: the bodies of short loops. Most other code looks at the limit
/// after fewer instructions than a step takes the time of.
const FIRST: u32 = 16;
/// So many times as many are made the next time, if it comes to that.
const MORE: u32 = 4;

/// Runs the next instruction by itself, or the thread on for a while when that was done often.
fn step_on(ucontext: &mut UContext) {
    match LEFT.get() {
        (0, all) if !thread::is_counted() && thread::signal_soon() => {
            LEFT.set((all.saturating_mul(MORE), all.saturating_mul(MORE)))
        }
        (left, all) => {
            LEFT.set((left.saturating_sub(1), all));
            step(ucontext);
        }
    }
}

/// Runs the next instruction by itself.
fn step(ucontext: &mut UContext) {
    let registers = &mut ucontext.mcontext;
    SHARED.set(registers.rflags & TRAP_FLAG != 0);
    registers.rflags |= TRAP_FLAG;
    STEPPED.set(registers.rip);
}

/// The thread runs on as it did before. Answers which instruction was stepped, and whether its trap is somebody
/// else's too.
pub(crate) fn end(ucontext: &mut UContext) -> (u64, bool) {
    let shared = SHARED.replace(false);
    let stepped = STEPPED.replace(0);
    if stepped != 0 && !shared {
        ucontext.mcontext.rflags &= !TRAP_FLAG;
    }
    (stepped, shared)
}

/// What a signal was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    /// It is dealt with.
    Ours,
    /// Somebody else may wait for it.
    Theirs,
}

/// SIGURG: somebody may want the code to stop.
///
/// # Safety
/// Called in a signal handler with its frame.
pub(crate) unsafe fn wished(info: &SigInfo, ucontext: &mut UContext) -> Signal {
    if info.code != SI_TIMER {
        LEFT.set((FIRST, FIRST));
    }
    match code::at(ucontext.mcontext.rip) {
        // Somebody else's signal, or a wish that was heard meanwhile or is for code under this.
        Some(_) if !thread::is_asked() => Signal::Theirs,
        Some(Place { steps: None, .. }) => Signal::Theirs,
        Some(place @ Place { steps: Some(steps), .. }) => {
            end(ucontext);
            // SAFETY: the thread is in this code.
            unsafe { arrive(ucontext, place, steps, 0) };
            Signal::Theirs
        }
        None if thread::is_inside() => {
            postpone(ucontext);
            Signal::Ours
        }
        None => Signal::Theirs,
    }
}

/// The thread is in a handler that has interrupted compiled code: the signal comes again when that returns,
/// which takes back the mask.
fn postpone(ucontext: &mut UContext) {
    ucontext.sigmask = SigSet::from_bits(ucontext.sigmask).with(SIGURG).bits();
    // It is blocked until this handler returns, and from then on by the mask. Sending it to oneself cannot fail.
    let _ = tgkill(getpid(), gettid(), SIGURG);
}

/// SIGTRAP: an instruction has run by itself.
///
/// # Safety
/// As for [`wished`].
pub(crate) unsafe fn trapped(info: &SigInfo, ucontext: &mut UContext) -> Signal {
    if STEPPED.get() == 0 || info.code != TRAP_TRACE {
        return Signal::Theirs;
    }
    let (stepped, shared) = end(ucontext);
    if let Some(place @ Place { steps: Some(steps), .. }) = code::at(ucontext.mcontext.rip) {
        // SAFETY: the thread is in this code.
        unsafe { arrive(ucontext, place, steps, stepped) };
    }
    if shared { Signal::Theirs } else { Signal::Ours }
}

/// Looks at the place where the thread is, behind the instruction at `stepped` if that has run by itself: steps
/// on, or not.
///
/// # Safety
/// The thread is in this code.
unsafe fn arrive(ucontext: &mut UContext, place: Place<'_>, steps: &Steps, stepped: u64) {
    let registers = &mut ucontext.mcontext;
    match steps.loop_at(place.offset(registers.rip)) {
        // It comes from the loop's cold code: the iteration that has been asked about goes on.
        Some(start) if start.back == place.offset(stepped) => return step(ucontext),
        Some(start) => {
            let header = std::ptr::with_exposed_provenance::<VmHeader>(registers.r15 as usize);
            // SAFETY: at loops r15 is the context of the instance whose code the thread is in.
            let limit = unsafe { (*header).limit.load(std::sync::atomic::Ordering::Acquire) };
            if registers.rbp <= limit {
                registers.rip = place.range.start().get() + u64::from(start.cold);
            }
        }
        // It will compare.
        None if steps.is_function(place.offset(registers.rip)) => {}
        // SAFETY: the caller's contract.
        None if unsafe { clears_locals(place, registers.rip) } => {}
        None => return step_on(ucontext),
    }
    LEFT.set((FIRST, FIRST));
}

/// Whether the instruction at `pc` clears the locals of a function: word by word, and each would be a step. The
/// compare of the entry comes behind it.
///
/// # Safety
/// `pc` is in this code.
unsafe fn clears_locals(place: Place<'_>, pc: u64) -> bool {
    let left = place.range.end().get() - pc;
    let bytes = std::ptr::with_exposed_provenance::<[u8; 3]>(pc as usize);
    // SAFETY: code can be read, and these bytes are in it.
    left >= CLEARS_LOCALS.len() as u64 && unsafe { bytes.read() } == CLEARS_LOCALS
}

/// An instruction in compiled code has faulted. Whether that was to ask for steps; otherwise there are no more.
pub(crate) fn faulted(ucontext: &mut UContext, place: Place<'_>) -> bool {
    end(ucontext);
    let asks = place.steps.is_some_and(|steps| steps.asks_at(place.offset(ucontext.mcontext.rip)));
    if asks {
        ucontext.mcontext.rip += SKIPPED;
        step(ucontext);
    }
    asks
}
