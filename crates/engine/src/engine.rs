//! The engine: one for a process, shared by its threads.
#![allow(unsafe_code, reason = "keeps references to the contexts of threads")]

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use allocator_api2::vec::Vec;
use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::Gpr;
use midstride_block::{
    BlockId, BuildError, Care, CodeCache, Draft, Landing, MAX_APP_BYTES, MAX_INSNS, Order, Slot, Stats,
    Transform,
};

use midstride_slab::{Region, RegionId};

use crate::code_map::{CodeMap, insn_at};
use crate::context::ThreadContext;
use crate::follow::Passed;
use crate::gate::{Gate, answer};
use crate::heap::HeapRef;
use crate::lock::{Guard, Lock};
use crate::policy::{Domain, Policy};
use crate::signal::Signals;
use crate::watch::{Protection, Watch};

/// Everything that threads share.
pub struct Engine<P: Policy> {
    shared: Lock<Shared>,
    /// Rises with each eviction.
    pub(crate) epoch: &'static AtomicU64,
    pub(crate) gate: Gate,
    pub(crate) gate_code: Region,
    /// What all this is allocated from.
    pub(crate) heap: HeapRef,
    /// Low memory of ours.
    pub(crate) low: AppRange,
    pub(crate) signals: Signals,
    /// The process whose memory the cache is in.
    pub(crate) pid: AtomicI32,
    /// Whether the program may have opened a process's memory as a file, to write to it.
    pub(crate) writes_memory: AtomicBool,
    /// The engine's user.
    pub policy: P,
}

/// What the lock protects.
pub struct Shared {
    /// The code cache.
    pub cache: CodeCache<HeapRef>,
    /// What may be executed.
    pub code: CodeMap,
    /// What of it the program may change.
    pub(crate) watch: Watch,
    /// Whether bytes of the cache may be rewritten where no thread can be but the running one.
    pub(crate) company: Company,
    /// Contexts of all threads, free ones included.
    pub(crate) contexts: Vec<ContextPtr, HeapRef>,
    /// How many threads wait for others to leave a unit.
    pub(crate) waiting: u32,
}

impl Shared {
    /// A thread that waited for others goes on; blocks are linked again when nobody waits any more.
    fn stop_waiting(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.cache.reconnect();
        }
    }
}

/// A context's address.
#[derive(Clone, Copy)]
pub(crate) struct ContextPtr(pub(crate) *mut ThreadContext);

// SAFETY: contexts are never freed; fields read across threads are atomics.
unsafe impl Send for ContextPtr {}

impl ContextPtr {
    /// The fields that may be read from any thread.
    pub(crate) fn shared(&self) -> &ThreadContext {
        // SAFETY: contexts live as long as the process; through this reference only atomics are read, and
        // what was written under the lock before the context was given to a thread.
        unsafe { &*self.0 }
    }
}

/// Looks at the other threads before all blocks are unlinked.
const PATIENCE: u32 = 1;
/// Between two looks.
const NAP_NS: u64 = 20_000;

/// Hands a policy's transform to the cache.
struct PolicyTransform<'p, P>(&'p P);

impl<P: Policy> Transform for PolicyTransform<'_, P> {
    fn block(&mut self, draft: &mut Draft) -> u32 {
        self.0.transform(draft)
    }
}

/// What [`Setup`](crate::Setup) makes an engine of.
pub(crate) struct EngineParts {
    pub(crate) cache: CodeCache<HeapRef>,
    pub(crate) heap: HeapRef,
    pub(crate) gate: Gate,
    pub(crate) gate_code: Region,
    pub(crate) epoch: &'static AtomicU64,
    pub(crate) low: AppRange,
    pub(crate) signals: Signals,
}

impl<P: Policy> Engine<P> {
    /// An engine over an empty cache and a placed gate.
    pub(crate) fn new(parts: EngineParts, policy: P) -> Self {
        let EngineParts { cache, heap, gate, gate_code, epoch, low, signals } = parts;
        let (protection, company) = match P::DOMAIN {
            Domain::Process => (Protection::Pages, Company::Alone),
            Domain::Threads => (Protection::None, Company::Threads),
        };
        let (code, watch) = (CodeMap::new_in(heap), Watch::new_in(heap, protection));
        let shared = Shared { cache, code, watch, company, contexts: Vec::new_in(heap), waiting: 0 };
        Self {
            shared: Lock::new(shared),
            epoch,
            gate,
            gate_code,
            heap,
            low,
            signals,
            pid: AtomicI32::new(midstride_os::thread::getpid()),
            writes_memory: AtomicBool::new(false),
            policy,
        }
    }

    /// Takes the lock; never held while program code runs.
    pub(crate) fn lock(&self) -> Guard<'_, Shared> {
        self.shared.lock()
    }

    /// Threads that wait for each other spin from now on.
    pub(crate) fn stay_awake(&self) {
        self.shared.stay_awake();
    }

    /// Whether the lock is free at some time: not if whoever held it was killed.
    pub(crate) fn is_lock_given_back(&self) -> bool {
        const LOOKS: u32 = 5_000;
        (0..LOOKS).any(|_| {
            let held = self.shared.is_held();
            if held {
                self.nap();
            }
            !held
        })
    }

    /// Lets others run for a moment.
    pub(crate) fn nap(&self) {
        // Sleeping, unlike yielding, gives a right to run soon, even among threads that spin.
        self.shared.nap(NAP_NS);
    }

    /// Works on the shared state.
    pub fn with_shared<R>(&self, work: impl FnOnce(&mut Shared) -> R) -> R {
        work(&mut self.lock())
    }

    /// What the cache did so far.
    pub fn stats(&self) -> Stats {
        *self.lock().cache.stats()
    }

    /// Visits the contexts of all threads, of past ones too. Under the lock.
    pub fn for_each_context(&self, mut visit: impl FnMut(&ThreadContext)) {
        self.lock().contexts.iter().for_each(|context| visit(context.shared()));
    }

    /// Code in `range` changed, or something else will be made of it: its blocks are built anew.
    pub fn invalidate(&self, range: AppRange) {
        self.lock().cache.invalidate(range);
    }

    /// Forgets known code outside the areas that `list` names: other threads may have unmapped it natively
    /// ([`Domain::Threads`]).
    pub fn forget_code_outside(&self, list: impl FnOnce(&mut CodeMap)) {
        let mut shared = self.lock();
        let mut now = CodeMap::new_in(self.heap);
        list(&mut now);
        let mut gone = Vec::new_in(self.heap);
        gone.extend(shared.code.iter().map(|area| area.range).filter(|&range| !now.covers(range)));
        for range in gone {
            self.forget_code(&mut shared, range);
        }
    }

    /// The placed gate.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Finds or builds the block at `pc` and lets the thread resume there; says how the gate goes on.
    ///
    /// `exit` is linked to it; for `landing` it gets a table entry. The lock may be released and taken
    /// again meanwhile, when a unit has to be evicted.
    pub(crate) fn resolve<'l>(
        &'l self,
        cx: &mut ThreadContext,
        shared: Guard<'l, Shared>,
        pc: AppPc,
        arrival: Arrival,
    ) -> u32 {
        cx.state.pc = pc.get();
        let mut shared = match self.pass_what_is_not_code(cx, shared) {
            Passed::Code(shared) => shared,
            Passed::Left(answer) => return answer,
        };
        let (pc, mut arrival) =
            (cx.state.app_pc(), if pc == cx.state.app_pc() { arrival } else { Arrival::Gate });
        let id = loop {
            match self.find_or_build(&mut shared, pc, arrival, cx.span) {
                Ok(Some(id)) => break id,
                Ok(None) => return self.run_natively(cx, &shared),
                Err(BuildError::Full { region }) => {
                    shared = self.make_room(cx, shared, region);
                    arrival = arrival.after_eviction();
                }
                Err(error) => return self.without_block(cx, shared, error),
            }
        };
        if let Arrival::Exit(exit) = arrival {
            shared.cache.link(exit, id);
        }
        cx.span = Span::Block;
        self.enter(cx, &shared, id);
        answer::RESUME
    }

    /// Evicts the unit that `region` needs next.
    fn make_room<'l>(
        &'l self,
        cx: &ThreadContext,
        mut shared: Guard<'l, Shared>,
        region: RegionId,
    ) -> Guard<'l, Shared> {
        let epoch = self.epoch.fetch_add(1, Ordering::SeqCst);
        let retired = shared.cache.retire_next_unit(region, epoch);
        self.wait_until_left(cx, shared, retired.epoch)
    }

    /// `None` when there is nothing at `pc` that could be copied.
    fn find_or_build(
        &self,
        shared: &mut Shared,
        pc: AppPc,
        arrival: Arrival,
        span: Span,
    ) -> Result<Option<BlockId>, BuildError> {
        if span == Span::OneInsn {
            return self.build_transient(shared, pc).map(Some);
        }
        let (landing, follows) = match arrival {
            Arrival::Table(landing) => (Some(landing), None),
            Arrival::Exit(exit) => (None, Some(exit).filter(|_| shared.company == Company::Alone)),
            Arrival::Gate => (None, None),
        };
        if let Some(id) = shared.cache.lookup(pc) {
            // Without room for a landing this branch goes through the gate; next time there is.
            return match landing.map(|landing| shared.cache.ensure_landing(id, landing)) {
                Some(Err(full @ BuildError::Full { .. })) => Err(full),
                _ => Ok(Some(id)),
            };
        }
        let care = self.look_at(shared, pc);
        if self.sees_steps() && insn_at(&shared.code, pc).is_err() {
            return Ok(None);
        }
        let order = Order { landing, limit: MAX_INSNS, care, follows };
        self.build(shared, pc, order).map(Some)
    }

    /// Makes known what lies at `pc`, where a block is to be built; how far it can be relied on.
    fn look_at(&self, shared: &mut Shared, pc: AppPc) -> Care {
        // The last address is one that programs jump to when something has gone wrong.
        let here = AppRange::new(pc, AppPc::new(pc.get().saturating_add(1)));
        if shared.code.area(pc).is_none() && !self.is_ours(shared, here) {
            self.policy.unknown_code(&mut shared.code, pc);
        }
        let Shared { code, watch, .. } = shared;
        watch.prepare(code, pc, MAX_APP_BYTES as u64)
    }

    fn build(&self, shared: &mut Shared, pc: AppPc, order: Order) -> Result<BlockId, BuildError> {
        let Shared { cache, code, .. } = shared;
        let id = cache.build(pc, order, code, &mut PolicyTransform(&self.policy))?;
        if let Some(block) = cache.block(id) {
            self.policy.built(block);
        }
        // Now and not at the end: a program may be killed at any time.
        self.policy.statistics(cache.stats());
        Ok(id)
    }

    /// A block of one instruction for this once: it writes to the page it lies on, so nothing of that
    /// page can be kept.
    fn build_transient(&self, shared: &mut Shared, pc: AppPc) -> Result<BlockId, BuildError> {
        if let Some(old) = shared.cache.lookup(pc) {
            shared.cache.retire(old);
        }
        let id =
            self.build(shared, pc, Order { landing: None, limit: 1, care: Care::Trust, follows: None })?;
        shared.cache.retire(id);
        Ok(id)
    }

    /// Lets the thread resume in a block.
    fn enter(&self, cx: &mut ThreadContext, shared: &Shared, id: BlockId) {
        let Some(block) = shared.cache.block(id) else { return };
        cx.fresh_block = id.get();
        cx.fresh_rsp = cx.state.get(Gpr::Rsp);
        self.resume_at(cx, block.body);
    }

    pub(crate) fn resume_at(&self, cx: &mut ThreadContext, at: CachePc) {
        cx.slots[Slot::Resume as usize] = at.get();
        // Under the lock, so that no eviction happens between the two.
        let epoch = self.epoch.load(Ordering::SeqCst);
        cx.resolved_epoch = epoch;
        cx.epoch.store(epoch, Ordering::SeqCst);
    }

    /// Waits until no thread can be inside what was retired at `epoch`; frees it.
    fn wait_until_left<'l>(
        &'l self,
        cx: &ThreadContext,
        shared: Guard<'l, Shared>,
        epoch: u64,
    ) -> Guard<'l, Shared> {
        let mut shared = shared;
        // Outside the cache itself, so that two that wait do not wait for each other.
        cx.epoch.store(u64::MAX, Ordering::SeqCst);
        shared.waiting += 1;
        let mut looks = 0;
        let oldest = loop {
            let oldest = self.oldest_epoch(&shared, cx);
            if oldest > epoch {
                break oldest;
            }
            looks += 1;
            if looks > PATIENCE {
                // A thread goes round in blocks of another unit: every way on leads to the gate now.
                shared.cache.disconnect();
                self.bury(&shared);
            }
            drop(shared);
            self.nap();
            shared = self.lock();
        };
        shared.stop_waiting();
        shared.cache.reclaim(oldest);
        shared
    }

    /// The oldest epoch that another thread may still be in.
    fn oldest_epoch(&self, shared: &Shared, cx: &ThreadContext) -> u64 {
        let me = core::ptr::from_ref(cx);
        let others = shared.contexts.iter().filter(|other| !core::ptr::eq(other.0, me));
        others
            .filter(|other| self.is_running(other.shared()))
            .map(|other| other.shared().epoch.load(Ordering::SeqCst))
            .min()
            .unwrap_or(u64::MAX)
    }

    fn is_running(&self, cx: &ThreadContext) -> bool {
        cx.in_use.load(Ordering::Acquire) == crate::context::usage::RUNNING
    }
}

/// Who else may be in the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Company {
    /// Nobody: one thread, or one that waits for its vfork child.
    Alone,
    /// There has been a second thread, or there may be one without notice.
    Threads,
}

/// How much is built.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u64)]
pub enum Span {
    /// A block.
    #[default]
    Block,
    /// One instruction, not to be kept.
    OneInsn,
}

/// How control comes to a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// By a direct exit, which is linked.
    Exit(midstride_block::ExitId),
    /// By an indirect branch, which shall find it in the table.
    Table(Landing),
    /// By the engine.
    Gate,
}

impl Arrival {
    /// The exit may be gone meanwhile; the next time it is taken it is linked.
    fn after_eviction(self) -> Self {
        if let Self::Exit(_) = self { Self::Gate } else { self }
    }
}
