//! Calls that create threads and processes.
#![allow(unsafe_code, reason = "prepares the context of a thread that does not run yet")]

use core::sync::atomic::Ordering;

use midstride_asm::Gpr;
use midstride_block::MAX_REGIONS;
use midstride_os::signal::{MaskHow, SigSet, rt_sigprocmask};
use midstride_os::{Errno, nr, thread};
use midstride_slab::{ForkCopy, PageError};

use super::{Verdict, argument, make};
use crate::context::{AppState, ThreadContext, phase, usage};
use crate::engine::{Company, ContextPtr, Engine, Shared};
use crate::memory::read_app;
use crate::policy::{Birth, Domain, Policy};
use crate::signal::{Signals, wrap};

const CLONE_VM: u64 = 0x100;
const CLONE_SIGHAND: u64 = 0x800;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_THREAD: u64 = 0x1_0000;
/// Only by clone3.
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;

/// What of a clone's arguments matters here.
#[derive(Clone, Copy)]
struct CloneArgs {
    flags: u64,
    /// The child's stack pointer, 0 for the parent's.
    stack: u64,
}

/// The first fields of `struct clone_args` (clone(2)).
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Clone3Args {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// Bytes of `struct clone_args` that a kernel may know.
const CLONE3_MAX: usize = 128;

/// The child of a fork comes out of the kernel in the engine, on our stack: its own is set afterwards. The
/// arguments of clone3 are copied for that, since the program's are its own.
fn keep_our_stack(cx: &mut ThreadContext, own_args: &mut [u8; CLONE3_MAX]) {
    if cx.state.get(Gpr::Rax) != nr::CLONE3 {
        cx.state.set(Gpr::Rsi, 0);
        return;
    }
    let bytes = CLONE3_MAX.min(argument(cx, 1) as usize);
    let _ = read_app(argument(cx, 0), &mut own_args[..bytes]);
    let stack = core::mem::offset_of!(Clone3Args, stack);
    own_args[stack..stack + 16].fill(0);
    cx.state.set(Gpr::Rdi, own_args.as_mut_ptr().expose_provenance() as u64);
}

/// The code of each region, for a child that is about to be.
type ForkCopies = [Option<ForkCopy>; MAX_REGIONS];

/// Copies all code; without memory for one region it is none.
fn copy_code(shared: &mut Shared) -> Result<ForkCopies, PageError> {
    let mut copies: ForkCopies = [const { None }; MAX_REGIONS];
    for (copy, (_, region)) in copies.iter_mut().zip(shared.cache.regions_mut().iter()) {
        match region.prepare_fork() {
            Ok(made) => *copy = Some(made),
            Err(error) => {
                discard(copies);
                return Err(error);
            }
        }
    }
    Ok(copies)
}

fn discard(copies: ForkCopies) {
    copies.into_iter().flatten().for_each(ForkCopy::discard_in_parent);
}

/// Behind the call, where it answers 0.
fn state_of_child(cx: &ThreadContext, args: CloneArgs) -> AppState {
    let mut state = cx.state;
    state.set(Gpr::Rax, 0);
    state.set(Gpr::Rcx, cx.next_pc);
    state.set(Gpr::R11, cx.state.rflags);
    state.pc = cx.next_pc;
    if args.stack != 0 {
        state.set(Gpr::Rsp, args.stack);
    }
    state
}

impl<P: Policy> Engine<P> {
    pub(super) fn clone_call(&self, cx: &mut ThreadContext) -> Verdict {
        let args = match cx.state.get(Gpr::Rax) {
            nr::FORK => CloneArgs { flags: 0, stack: 0 },
            nr::VFORK => CloneArgs { flags: CLONE_VM | CLONE_VFORK, stack: 0 },
            _ => CloneArgs { flags: u64::from(argument(cx, 0) as u32), stack: argument(cx, 1) },
        };
        self.give_birth(cx, args)
    }

    pub(super) fn clone3(&self, cx: &mut ThreadContext) -> Verdict {
        let mut bytes = [0; size_of::<Clone3Args>()];
        let wanted = bytes.len().min(argument(cx, 1) as usize);
        if wanted < bytes.len() || read_app(argument(cx, 0), &mut bytes).is_err() {
            // The kernel has an error for it.
            return Verdict::Call;
        }
        // SAFETY: any bytes are a valid value of this plain structure of integers.
        let args: Clone3Args = unsafe { core::mem::transmute(bytes) };
        let stack = if args.stack == 0 { 0 } else { args.stack.wrapping_add(args.stack_size) };
        self.give_birth(cx, CloneArgs { flags: args.flags, stack })
    }

    fn give_birth(&self, cx: &mut ThreadContext, args: CloneArgs) -> Verdict {
        if args.flags & CLONE_VM == 0 {
            return self.fork(cx, args);
        }
        let Ok(mask) = rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL)) else { return Verdict::Call };
        let mask = cx.take_shielded_mask().unwrap_or(mask);
        if cx.has_pending.load(Ordering::Relaxed) != 0 {
            // It came before signals were blocked: it goes first, then the call is made again.
            return Verdict::Elsewhere;
        }
        cx.held_mask = mask.bits();
        self.share_memory(cx, args).unwrap_or_else(|error| {
            let _ = rt_sigprocmask(MaskHow::Set, Some(mask));
            Verdict::Answer(error.raw())
        })
    }

    /// Makes everything ready for a child that shares memory; all signals are blocked.
    fn share_memory(&self, cx: &mut ThreadContext, args: CloneArgs) -> Result<Verdict, Errno> {
        let birth = if args.flags & CLONE_THREAD != 0 { Birth::Thread } else { Birth::Borrower };
        cx.waits_for_child = args.flags & CLONE_VFORK;
        let mut shared = self.lock();
        if args.flags & CLONE_VFORK == 0 {
            shared.company = Company::Threads;
        }
        self.policy.before_birth(cx, birth);
        let (child, sighand) = self.room_for_child(cx, &mut shared, args.flags)?;
        // SAFETY: the context is free: no thread runs on it, and the lock keeps others from taking it.
        let child_cx = unsafe { &mut *child.0 };
        child_cx.sighand = sighand;
        self.prepare_child(cx, child_cx, args, birth);
        (cx.child, cx.child_lease) = (child.0.expose_provenance() as u64, child_cx.lease);
        Ok(Verdict::Clone)
    }

    /// A context and a table of actions for a child.
    fn room_for_child(
        &self,
        cx: &ThreadContext,
        shared: &mut Shared,
        flags: u64,
    ) -> Result<(ContextPtr, u64), Errno> {
        let sighand = match flags & CLONE_SIGHAND {
            0 => self.free_table(shared).ok_or(Errno::EAGAIN)?,
            _ => cx.sighand,
        };
        let child = self.free_context(shared).ok_or(Errno::ENOMEM)?;
        if sighand != cx.sighand {
            self.signals.copy(cx.sighand, sighand);
        }
        if flags & CLONE_CLEAR_SIGHAND != 0 {
            self.signals.clear(sighand);
        }
        Ok((child, sighand))
    }

    /// A table of actions that no thread uses.
    fn free_table(&self, shared: &Shared) -> Option<u64> {
        let first_free = || {
            let used = |table: u64| shared.contexts.iter().any(|each| each.shared().uses_table(table));
            (0..Signals::TABLES).find(|&table| !used(table))
        };
        first_free().or_else(|| {
            self.bury(shared);
            first_free()
        })
    }

    /// Lets the child begin behind the call, as the kernel does.
    fn prepare_child(&self, cx: &ThreadContext, child: &mut ThreadContext, args: CloneArgs, birth: Birth) {
        child.state = state_of_child(cx, args);
        child.after = crate::syscall::After::Nothing;
        child.child = 0;
        child.birth = birth as u64;
        child.lease += 1;
        child.held_mask = cx.held_mask;
        child.app_gs = cx.app_gs;
        child.user_dispatch = None;
        child.altstack = if args.flags & CLONE_VFORK != 0 { cx.altstack } else { crate::signal::NO_STACK };
        child.expect_owner();
        child.execs.store(0, Ordering::Relaxed);
        self.let_in(cx, child);
    }

    /// The child has begun to run, as far as others can tell.
    fn let_in(&self, cx: &ThreadContext, child: &mut ThreadContext) {
        // It is in the engine from the start; a thread that is not followed never is.
        child.shield = (P::DOMAIN == Domain::Process).then_some(cx.held_mask);
        child.phase.store(phase::GATE, Ordering::Relaxed);
        child.has_pending.store(0, Ordering::Relaxed);
        let epoch = match P::DOMAIN {
            Domain::Process => self.epoch.load(Ordering::SeqCst),
            // It never comes to the cache.
            Domain::Threads => u64::MAX,
        };
        child.epoch.store(epoch, Ordering::SeqCst);
        child.in_use.store(usage::RUNNING, Ordering::Release);
    }

    /// A context nobody uses, a new one if need be.
    pub(crate) fn free_context(&self, shared: &mut Shared) -> Option<ContextPtr> {
        let first_free = |shared: &Shared| {
            let mut contexts = shared.contexts.iter();
            contexts.find(|each| each.shared().in_use.load(Ordering::Acquire) == usage::FREE).copied()
        };
        first_free(shared)
            .or_else(|| {
                self.bury(shared);
                first_free(shared)
            })
            .or_else(|| self.new_context(shared))
    }

    /// Behind a clone that shares memory, in both.
    pub(super) fn after_clone(&self, cx: &mut ThreadContext) {
        if cx.child == 0 {
            self.begin_child(cx);
        } else {
            self.settle_parent(cx);
        }
        cx.shield = None;
        // Last: from here on signals come, and wait in the gate.
        let _ = rt_sigprocmask(MaskHow::Set, Some(SigSet::from_bits(cx.held_mask)));
    }

    fn begin_child(&self, cx: &mut ThreadContext) {
        let _shared = self.lock();
        cx.take();
        crate::signal::install_stack(cx);
        let birth = if cx.birth == Birth::Thread as u64 { Birth::Thread } else { Birth::Borrower };
        if birth == Birth::Borrower && P::DOMAIN == Domain::Process {
            // Its table of actions is its own, and may have been cleared.
            self.signals.take_back(cx.sighand);
        }
        self.policy.born(cx, birth);
    }

    /// A child that was killed inside the engine has left it as nobody can go on with, if it held the lock.
    fn mourn(&self, cx: &ThreadContext) {
        let child = ContextPtr(core::ptr::with_exposed_provenance_mut(cx.child as usize));
        let killed_inside = child.shared().lease == cx.child_lease && child.shared().shield.is_some();
        if cx.waits_for_child != 0 && killed_inside && !self.is_lock_given_back() {
            crate::fatal::fail(format_args!("a child in this process's memory was killed inside the engine"));
        }
    }

    fn settle_parent(&self, cx: &mut ThreadContext) {
        self.mourn(cx);
        let _shared = self.lock();
        let child = ContextPtr(core::ptr::with_exposed_provenance_mut(cx.child as usize));
        cx.child = 0;
        if child.shared().lease != cx.child_lease {
            // The child is gone, its context was freed by another thread, and is a third one's.
            return;
        }
        let failed = (cx.state.get(Gpr::Rax) as i64) < 0;
        if failed {
            child.shared().in_use.store(usage::FREE, Ordering::Release);
        } else if child.shared().birth == Birth::Borrower as u64 && cx.waits_for_child != 0 {
            // The kernel let us go on, so the child has left this memory.
            child.shared().in_use.store(usage::FREE, Ordering::Release);
        } else if P::DOMAIN == Domain::Threads && child.shared().birth == Birth::Thread as u64 {
            // It needs its context until it has left, which only its own end proves.
            child.shared().tid.store(cx.state.get(Gpr::Rax) as u32, Ordering::Relaxed);
            child.shared().pid.store(thread::getpid() as u32, Ordering::Release);
            child.shared().in_use.store(usage::ENDING, Ordering::Release);
        }
    }

    /// A process with a copy of the memory. Nobody else is in the engine meanwhile.
    fn fork(&self, cx: &mut ThreadContext, args: CloneArgs) -> Verdict {
        let parent = cx.state;
        let mut own_args = [0; CLONE3_MAX];
        if args.stack != 0 {
            keep_our_stack(cx, &mut own_args);
        }
        let mut shared = self.lock();
        self.policy.before_birth(cx, Birth::Fork);
        let Ok(copies) = copy_code(&mut shared) else { return Verdict::Answer(Errno::ENOMEM.raw()) };
        let result = if P::DOMAIN == Domain::Threads { wrap::around_fork(|| make(cx)) } else { make(cx) };
        cx.state = parent;
        if result != 0 {
            discard(copies);
            return Verdict::Answer(result);
        }
        self.adopt(&mut shared, copies);
        self.become_only_thread(cx, &mut shared);
        if args.flags & CLONE_CLEAR_SIGHAND != 0 && P::DOMAIN == Domain::Process {
            self.signals.clear(cx.sighand);
            self.signals.take_back(cx.sighand);
        }
        if args.stack != 0 {
            cx.state.set(Gpr::Rsp, args.stack);
        }
        self.policy.born(cx, Birth::Fork);
        Verdict::Answer(0)
    }

    /// In the child: its code is its own from here on.
    fn adopt(&self, shared: &mut Shared, copies: ForkCopies) {
        for (copy, (_, region)) in copies.into_iter().zip(shared.cache.regions_mut().iter_mut()) {
            let Some(copy) = copy else { continue };
            // SAFETY: this is the new process's only thread, and it is not in the cache.
            if let Err(error) = unsafe { copy.adopt_in_child(region) } {
                crate::fatal::fail(format_args!("a forked child cannot have its own code cache: {error}"));
            }
        }
    }

    fn become_only_thread(&self, cx: &mut ThreadContext, shared: &mut Shared) {
        // Those that waited have stayed behind.
        shared.waiting = 0;
        shared.cache.forget_stats();
        shared.cache.reconnect();
        let me = core::ptr::from_mut(cx);
        for other in shared.contexts.iter().filter(|other| !core::ptr::eq(other.0, me)) {
            other.shared().in_use.store(usage::FREE, Ordering::Release);
        }
        cx.take();
        cx.birth = Birth::Fork as u64;
        cx.user_dispatch = None;
        self.pid.store(thread::getpid(), Ordering::Relaxed);
    }
}
