//! Following single threads of the engine's own process: in, out, and calls that the engine answers itself.
//!
//! A thread enters by a function that returns under the engine, and leaves at an address the engine
//! knows. The engine's user calls its own functions from code that may be rewritten, where they must not
//! take the engine's lock: [`natively`] runs them in the gate instead.
#![allow(unsafe_code, reason = "captures and hands over the registers of threads")]

mod place;
mod registry;
mod service;

use core::arch::naked_asm;
use core::fmt;
use core::mem::offset_of;
use core::sync::atomic::Ordering;

use midstride_asm::Gpr;
use midstride_os::Errno;
use midstride_os::signal::{MaskHow, SigSet, rt_sigprocmask};
use midstride_os::thread::{self, SegmentBase};

use crate::context::{AppState, ThreadContext, phase, usage};
use crate::engine::Engine;
use crate::gate::answer;
use crate::policy::{Domain, Leaving, Policy};
use crate::signal::wrap;

pub(crate) use place::Passed;
pub(crate) use registry::{find, register};

pub use place::{is_following_me, is_in_engine, unfollow_me};
pub use service::{Caller, natively};

/// Why a thread is not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FollowError {
    /// It is already, by this engine or another one.
    Followed,
    /// It uses GS itself.
    SegmentInUse {
        /// Its base.
        base: u64,
    },
    /// This process is a fork of the one that made the engine, whose code cache it shares: a new engine
    /// is needed.
    Forked,
    /// It is in a signal handler, on its alternate stack.
    OnSignalStack,
    /// There is no memory for its context.
    Context(Errno),
    /// Its GS base cannot be set.
    Segment(Errno),
}

impl fmt::Display for FollowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Followed => f.write_str("the thread is followed already"),
            Self::SegmentInUse { base } => write!(f, "the thread uses the GS segment, based at {base:#x}"),
            Self::Forked => f.write_str("the engine is that of the process this one was forked from"),
            Self::OnSignalStack => f.write_str("the thread is on its alternate signal stack"),
            Self::Context(error) => write!(f, "no memory for the thread's context: {error}"),
            Self::Segment(error) => write!(f, "the GS base cannot be set: {error}"),
        }
    }
}

impl core::error::Error for FollowError {}

impl<P: Policy> Engine<P> {
    /// Follows the calling thread from the return of this function on, until [`unfollow_me`]. Compiles for
    /// policies whose domain is [`Domain::Threads`].
    ///
    /// Signals that it handles are delivered by the engine, in the program's terms; handlers run followed.
    ///
    /// # Errors
    /// [`FollowError`]; nothing has changed then.
    ///
    /// # Safety
    /// What the policy changes in blocks leaves the program sound. Other threads unmap no code that this one
    /// may run.
    pub unsafe fn follow_me(&'static self) -> Result<(), FollowError> {
        const { assert!(matches!(P::DOMAIN, Domain::Threads), "whole processes are entered by `run`") };
        let cx = natively(|caller| match caller {
            Caller::Native => without_signals(|| self.begin_following()),
            Caller::Followed => Err(FollowError::Followed),
        })?;
        // SAFETY: the context is this thread's and describes the return of `enter`.
        unsafe { enter(cx, go_on::<P>) };
        Ok(())
    }

    /// Whether this process is a copy of the one the engine was made in, made behind its back: it must not
    /// be asked anything.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.pid.load(Ordering::Relaxed) != thread::getpid()
    }

    fn begin_following(&'static self) -> Result<*mut ThreadContext, FollowError> {
        if self.is_forked() {
            return Err(FollowError::Forked);
        }
        match thread::segment_base(SegmentBase::Gs).map_err(FollowError::Segment)? {
            0 => {}
            base => return Err(FollowError::SegmentInUse { base }),
        }
        let context = self.claim_context().map_err(FollowError::Context)?.0;
        // SAFETY: claimed for this thread; nobody else uses it.
        let cx = unsafe { &mut *context };
        self.prepare(cx);
        if wrap::take_altstack(cx).is_err() {
            cx.in_use.store(usage::ENDING, Ordering::Release);
            return Err(FollowError::OnSignalStack);
        }
        wrap::join();
        // SAFETY: GS was 0, so nobody relies on it; signal handlers of the engine's ask for the base.
        let set = unsafe { thread::set_segment_base(SegmentBase::Gs, context.expose_provenance() as u64) };
        set.inspect_err(|_| self.part(cx)).map_err(FollowError::Segment)?;
        Ok(context)
    }

    /// From here on signals wait until the thread is in the cache.
    fn prepare(&self, cx: &mut ThreadContext) {
        cx.state = AppState::default();
        cx.app_gs = 0;
        cx.on_signal = Self::handler_address();
        cx.phase.store(phase::GATE, Ordering::Relaxed);
        cx.has_pending.store(0, Ordering::Relaxed);
        cx.epoch.store(u64::MAX, Ordering::SeqCst);
    }

    /// The context is only the thread's to come back to.
    fn part(&self, cx: &ThreadContext) {
        wrap::give_altstack_back(cx);
        cx.in_use.store(usage::ENDING, Ordering::Release);
        wrap::part();
    }

    /// Lets the thread go on natively where its state is; says how the gate goes on. Called without the lock.
    pub(crate) fn leave(&self, cx: &mut ThreadContext, why: Leaving) -> u32 {
        let mask = rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL)).unwrap_or(SigSet::EMPTY);
        if cx.has_pending.load(Ordering::Relaxed) != 0 {
            // The gate delivers it first. Its handler is followed, then the thread comes here again.
            return answer::RESUME;
        }
        cx.held_mask = mask.bits();
        self.policy.left(cx.state.app_pc(), why);
        self.part(cx);
        answer::LEAVE
    }
}

/// A handler that is left by a jump would leave locks behind.
fn without_signals<R>(work: impl FnOnce() -> R) -> R {
    let mask = rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL)).unwrap_or(SigSet::EMPTY);
    let result = work();
    let _ = rt_sigprocmask(MaskHow::Set, Some(mask));
    result
}

/// Begins to run the program from the state that [`enter`] captured.
unsafe extern "C" fn go_on<P: Policy>(cx: *mut ThreadContext) -> ! {
    // SAFETY: `follow_me` passes the thread's context; `begin_following` has no reference to it any more.
    let cx = unsafe { &mut *cx };
    // SAFETY: contexts know their engine, and engines live for ever.
    let engine = unsafe { &*core::ptr::with_exposed_provenance::<Engine<P>>(cx.engine as usize) };
    // SAFETY: the state is that of a function which returns.
    unsafe { engine.run(cx) }
}

const fn gpr_at(reg: Gpr) -> usize {
    offset_of!(ThreadContext, state) + offset_of!(AppState, gprs) + reg.number() as usize * 8
}

/// Captures the state behind its own return and calls `go_on`, which lets the thread go on there: so it
/// returns, to the same caller, under the engine. What a function may change (System V ABI, 3.2.1) is not
/// captured.
///
/// # Safety
/// `cx` is the thread's.
#[unsafe(naked)]
unsafe extern "C" fn enter(cx: *mut ThreadContext, go_on: unsafe extern "C" fn(*mut ThreadContext) -> !) {
    naked_asm!(
        "mov [rdi + {rbx}], rbx",
        "mov [rdi + {rbp}], rbp",
        "mov [rdi + {r12}], r12",
        "mov [rdi + {r13}], r13",
        "mov [rdi + {r14}], r14",
        "mov [rdi + {r15}], r15",
        "lea rax, [rsp + 8]",
        "mov [rdi + {rsp}], rax",
        "mov rax, [rsp]",
        "mov [rdi + {pc}], rax",
        "pushfq",
        "pop qword ptr [rdi + {rflags}]",
        "jmp rsi",
        rbx = const gpr_at(Gpr::Rbx),
        rbp = const gpr_at(Gpr::Rbp),
        r12 = const gpr_at(Gpr::R12),
        r13 = const gpr_at(Gpr::R13),
        r14 = const gpr_at(Gpr::R14),
        r15 = const gpr_at(Gpr::R15),
        rsp = const gpr_at(Gpr::Rsp),
        pc = const offset_of!(ThreadContext, state) + offset_of!(AppState, pc),
        rflags = const offset_of!(ThreadContext, state) + offset_of!(AppState, rflags),
    )
}
