//! What the engine keeps of a thread, laid out for emitted code.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64};

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_block::Slot;

use crate::engine::Span;
use crate::native::Native;
use crate::signal::Step;
use crate::syscall::{After, UserDispatch};

/// General registers, instruction pointer and flags of the program.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct AppState {
    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15: by register number.
    pub gprs: [u64; 16],
    /// Flags.
    pub rflags: u64,
    /// Next instruction.
    pub pc: u64,
}

impl AppState {
    /// The value of `reg`.
    #[must_use]
    pub fn get(&self, reg: Gpr) -> u64 {
        self.gprs[usize::from(reg.number())]
    }

    /// Sets `reg`.
    pub fn set(&mut self, reg: Gpr, value: u64) {
        self.gprs[usize::from(reg.number())] = value;
    }

    /// The next instruction.
    #[must_use]
    pub fn app_pc(&self) -> AppPc {
        AppPc::new(self.pc)
    }
}

/// Where a thread is with respect to the gate.
pub mod phase {
    /// Runs code of the cache, or nothing of ours.
    pub const CACHE: u32 = 0;
    /// Is in the gate: signals wait.
    pub const GATE: u32 = 1;
}

/// Values of [`ThreadContext::in_use`].
pub mod usage {
    /// Nobody's.
    pub const FREE: u32 = 0;
    /// A thread's that runs, or is about to.
    pub const RUNNING: u32 = 1;
    /// A thread's that is ending, or goes on natively: free as soon as the kernel does not know it any
    /// more.
    pub const ENDING: u32 = 2;
}

/// Words of a signal that arrived in the gate: the kernel's frame, copied.
pub const PENDING_BYTES: usize = 16 << 10;

/// A thread's context. Its address is the base of all slot operands.
///
/// Emitted code addresses the fields up to `state` by their offsets; the rest is the engine's.
#[repr(C, align(64))]
pub struct ThreadContext {
    /// The words of [`Slot`].
    pub slots: [u64; Slot::BYTES / 8],
    /// The program's registers while the thread is in the gate.
    pub state: AppState,
    /// Where the gate's stack ends.
    pub gate_stack: u64,
    /// The engine.
    pub engine: u64,
    /// One of [`phase`].
    pub phase: AtomicU32,
    /// Whether `pending` holds a signal.
    pub has_pending: AtomicU32,
    /// The last epoch this thread has seen outside the cache; `u64::MAX` while it is in a system call.
    pub epoch: AtomicU64,
    /// The epoch in which the resume slot was filled.
    pub resolved_epoch: u64,
    /// Where the program goes on after the system call under way.
    pub next_pc: u64,
    /// The context of the thread that a clone under way creates.
    pub child: u64,
    /// Work behind the system call under way.
    pub after: After,
    /// How much the next resolution builds.
    pub span: Span,
    /// The registers before the system call under way, when it may have to be made again.
    pub before_call: AppState,
    /// How this thread began: a [`crate::Birth`] as a number.
    pub birth: u64,
    /// Whether the clone under way waits until its child leaves the memory.
    pub waits_for_child: u64,
    /// Kernel's thread id.
    pub tid: AtomicU32,
    /// Whether the context belongs to a thread.
    pub in_use: AtomicU32,
    /// For the policy: its own number of the thread.
    pub tag: u64,
    /// The alternate stack the program set: address, flags, size.
    pub altstack: [u64; 3],
    /// The GS base the program believes in.
    pub app_gs: u64,
    /// Number of the thread's signal table.
    pub sighand: u64,
    /// The program's mask is this, not what the kernel has, while signals are held back in the gate.
    pub held_mask: u64,
    /// The mask in force during the system call that a signal interrupted, when the call set one.
    pub call_mask: Option<u64>,
    /// Where the runtime's alternate stack starts and ends.
    pub signal_stack: [u64; 2],
    /// The block entered last by way of the gate, and how often the gate was entered: whether a block
    /// that faults does so in its first run.
    pub fresh_block: u32,
    /// The program's stack pointer there.
    pub(crate) fresh_rsp: u64,
    /// The single step by the trap flag that is under way.
    pub(crate) step: Step,
    /// What runs natively.
    pub(crate) native: Native,
    /// Called for signals of a followed thread: a handler of the engine's, by address.
    pub on_signal: u64,
    /// The context registered before this one.
    pub registered_before: u64,
    /// The process it is a thread of, which may be another one that shares this memory; 0 until it runs.
    pub pid: AtomicU32,
    /// The process in which this thread is about to call exec; 0 for none.
    pub(crate) execs: AtomicU32,
    /// How many threads have been given this context: whoever freed it in its parent's place may have given it away
    /// again.
    pub(crate) lease: u64,
    /// The lease of the child that a clone under way creates.
    pub(crate) child_lease: u64,
    /// The program's mask while the engine has signals blocked: see `shield.rs`.
    pub(crate) shield: Option<u64>,
    /// Which system calls the program wants for itself.
    pub(crate) user_dispatch: Option<UserDispatch>,
    /// A signal frame that arrived in the gate.
    pub pending: [u64; PENDING_BYTES / 8],
}

/// Offsets that emitted code uses.
pub(crate) mod at {
    use super::{AppState, Gpr, ThreadContext, offset_of};

    pub(crate) const fn gpr(reg: Gpr) -> i32 {
        (offset_of!(ThreadContext, state) + offset_of!(AppState, gprs)) as i32 + reg.number() as i32 * 8
    }

    pub(crate) const RFLAGS: i32 = (offset_of!(ThreadContext, state) + offset_of!(AppState, rflags)) as i32;
    pub(crate) const GATE_STACK: i32 = offset_of!(ThreadContext, gate_stack) as i32;
    pub(crate) const PC: i32 = (offset_of!(ThreadContext, state) + offset_of!(AppState, pc)) as i32;
    pub(crate) const PENDING: i32 = offset_of!(ThreadContext, has_pending) as i32;
    pub(crate) const RESOLVED: i32 = offset_of!(ThreadContext, resolved_epoch) as i32;
    pub(crate) const NEXT_PC: i32 = offset_of!(ThreadContext, next_pc) as i32;
    pub(crate) const CHILD: i32 = offset_of!(ThreadContext, child) as i32;
    pub(crate) const APP_GS: i32 = offset_of!(ThreadContext, app_gs) as i32;
    pub(crate) const HELD_MASK: i32 = offset_of!(ThreadContext, held_mask) as i32;
    pub(crate) const PHASE: i32 = offset_of!(ThreadContext, phase) as i32;
    pub(crate) const EPOCH: i32 = offset_of!(ThreadContext, epoch) as i32;
}

const _: () = {
    assert!(offset_of!(ThreadContext, slots) == 0);
    assert!(offset_of!(ThreadContext, state) == Slot::BYTES);
};
