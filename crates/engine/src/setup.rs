//! Making an engine: memory below 2 GiB, the gate, the cache, contexts.
#![allow(unsafe_code, reason = "lays out raw pages")]

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use midstride_addr::{AppPc, AppRange};
use midstride_asm::{EmitError, Writer};
use midstride_block::{
    CodeCache, Config, Door, Doors, Env, Observer, Parts, Rotate, Slot, SlotBase, TABLE_BYTES, TABLE_ENTRIES,
    Tables, Transactions,
};
use midstride_os::mem::{Advice, Prot, madvise, mprotect};
use midstride_os::{Errno, thread};
use midstride_slab::{AllocError, PageError, PageSource, Place, Region, Sizes, Slab};

use crate::context::{ThreadContext, usage};
use crate::engine::{ContextPtr, Engine, EngineParts, Shared};
use crate::gate::{EngineCode, GATE_BYTES, Gate, Handlers, write_gate};
use crate::heap::HeapRef;
use crate::policy::{Domain, Policy};
use crate::signal::{NO_STACK, Signals, install_stack};

/// What an engine is made of.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Executable and low memory.
    pub source: &'static dyn PageSource,
    /// The engine's tables.
    pub heap: HeapRef,
    /// About the cache.
    pub config: Config,
    /// Whether the engine's own code uses vector registers.
    pub code: EngineCode,
    /// Hears of blocks.
    pub observer: &'static dyn Observer,
}

/// Why there is no engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// No memory below 2 GiB for tables.
    Low(PageError),
    /// No executable memory for the gate.
    Gate(AllocError),
    /// The gate could not be written.
    Emit(EmitError),
    /// No memory for a thread's context, or for signal tables.
    Context(Errno),
    /// The thread's GS base cannot be set.
    Segment(Errno),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Low(error) => write!(f, "no memory below 2 GiB for the branch tables: {error}"),
            Self::Gate(error) => write!(f, "no executable memory for the gate: {error}"),
            Self::Emit(error) => write!(f, "the gate cannot be written: {error}"),
            Self::Context(error) => write!(f, "no memory for a thread's context: {error}"),
            Self::Segment(error) => write!(f, "the GS base cannot be set: {error}"),
        }
    }
}

impl core::error::Error for SetupError {}

/// Low memory: one page of doors, then the two tables; what is left of a huge page is the heap's.
const PAGE: u64 = 4096;
const TABLES_END: u64 = PAGE + 2 * TABLE_BYTES as u64;
const LOW_BYTES: u64 = TABLES_END.next_multiple_of(2 << 20);
/// Where in the page the engine's epoch lies.
const EPOCH_AT: u64 = 512;

/// Guard page, gate stack, signal stack, context, then what the policy asked for.
const GATE_STACK_BYTES: u64 = 128 << 10;
const SIGNAL_STACK_BYTES: u64 = 128 << 10;
const CONTEXT_AT: u64 = PAGE + GATE_STACK_BYTES + SIGNAL_STACK_BYTES;
/// Bytes from a context to the policy's room.
pub const ROOM_AT: usize = (size_of::<ThreadContext>() + 4095) & !4095;

impl Setup {
    /// Makes an engine. No thread runs under it yet.
    ///
    /// # Errors
    /// [`SetupError`]; what was mapped until then stays mapped.
    pub fn engine<P: Policy>(self, policy: P) -> Result<Engine<P>, SetupError> {
        let low = self.source.reserve_low(LOW_BYTES).map_err(SetupError::Low)?;
        self.populate(low.address);
        let epoch = words(low.address + EPOCH_AT, 1);
        epoch[0].store(1, Ordering::Relaxed);
        let handlers = Handlers {
            dispatch: Engine::<P>::dispatch_address(),
            after: Engine::<P>::after_address(),
            epoch: low.address + EPOCH_AT,
        };
        let (gate, gate_code) = self.place_gate(handlers, low.address)?;
        for (word, door) in words(low.address, Door::ALL.len()).iter().zip(gate.doors) {
            word.store(door.get(), Ordering::Relaxed);
        }
        let cache = self.cache(low.address, &gate);
        let ours = AppRange::new(AppPc::new(low.address), AppPc::new(low.address + LOW_BYTES));
        let signals = Signals::new(Engine::<P>::handler_address()).map_err(SetupError::Context)?;
        let (heap, epoch, low) = (self.heap, &epoch[0], ours);
        Ok(Engine::new(EngineParts { cache, heap, gate, gate_code, epoch, low, signals }, policy))
    }

    /// An empty cache, whose tables lead to the gate.
    fn cache(self, low: u64, gate: &Gate) -> CodeCache<HeapRef> {
        let (returns, indirects) = (low + PAGE, low + PAGE + TABLE_BYTES as u64);
        let doors = Doors { gates: low as i32, returns: returns as i32, indirects: indirects as i32 };
        let env = env(SlotBase::Gs, doors);
        let misses = [gate.doors[Door::Return as usize], gate.doors[Door::Indirect as usize]];
        let (returns, indirects) = (words(returns, TABLE_ENTRIES), words(indirects, TABLE_ENTRIES));
        let Self { source, heap: alloc, config, observer, .. } = self;
        let parts = Parts { env, config, source, alloc, observer };
        CodeCache::new(parts, Tables::new(returns, indirects, misses, env.rotate))
    }

    /// Every entry of the tables is about to be written: one huge page, or one call instead of a fault for
    /// each page.
    fn populate(self, low: u64) {
        // SAFETY: what was just mapped, for ever.
        unsafe {
            let _ = madvise(low, LOW_BYTES, Advice::HugePage);
            let _ = madvise(low, TABLES_END, Advice::PopulateWrite);
            self.heap.0.lend((low + TABLES_END) as usize..(low + LOW_BYTES) as usize);
        }
    }

    fn place_gate(self, handlers: Handlers, near: u64) -> Result<(Gate, Region), SetupError> {
        let sizes = Sizes { hot: PAGE, cold: PAGE, data: PAGE };
        let place = Place::near_pc(AppPc::new(near));
        let mut region = Region::reserve(self.source, &place, sizes, 1).map_err(SetupError::Gate)?;
        let mut buffer = [0; GATE_BYTES];
        let start = region.slab_range(Slab::Hot).start();
        let writer = Writer::new(&mut buffer, start);
        let gate = write_gate(writer, SlotBase::Gs, handlers, self.code).map_err(SetupError::Emit)?;
        let bytes = gate.all.len() as usize;
        let mut unit = region.unit(0).expect("the region has one unit");
        let mut span = unit.alloc_hot(bytes as u64, 1).map_err(SetupError::Gate)?;
        region.write(&mut span, &buffer[..bytes]).expect("the span was just taken");
        let _ = span.publish();
        Ok((gate, region))
    }
}

/// What emitted code may use of this processor: CPUID leaf 7, EBX bits 8 (BMI2) and 11 (RTM). Neither needs state of its own.
fn env(slots: SlotBase, doors: Doors) -> Env {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    let features = if __cpuid(0).eax >= 7 { __cpuid_count(7, 0).ebx } else { 0 };
    let rotate = if features & 1 << 8 != 0 { Rotate::Rorx } else { Rotate::None };
    let transactions = if features & 1 << 11 != 0 { Transactions::Abort } else { Transactions::Undefined };
    Env { slots, doors, rotate, transactions }
}

/// `count` words of low memory, which is never given back.
fn words(address: u64, count: usize) -> &'static [AtomicU64] {
    let first = core::ptr::with_exposed_provenance(address as usize);
    // SAFETY: within the low memory reserved above, zeroed, aligned, mapped for ever; shared with
    // emitted code, which only loads, so atomics.
    unsafe { core::slice::from_raw_parts(first, count) }
}

/// Where the engine's code has its frames on a context's thread.
pub(crate) fn stacks_of(cx: &ThreadContext) -> core::ops::Range<u64> {
    cx.gate_stack - GATE_STACK_BYTES..cx.signal_stack[1]
}

impl<P: Policy> Engine<P> {
    /// A new, free context.
    pub(crate) fn new_context(&self, shared: &mut Shared) -> Option<ContextPtr> {
        self.map_context().ok().inspect(|&cx| shared.contexts.push(cx))
    }

    fn map_context(&self) -> Result<ContextPtr, Errno> {
        let bytes = CONTEXT_AT + ROOM_AT as u64 + self.policy.context_room() as u64;
        let start = self.heap.0.pages(bytes as usize).ok_or(Errno::ENOMEM)? as u64;
        // SAFETY: just given to us, zeroed; small pages, since most of it stays unused.
        let _ = unsafe { madvise(start, bytes, Advice::NoHugePage) };
        // SAFETY: the first page of it.
        unsafe { mprotect(start, PAGE, Prot::NONE) }?;
        let gate_stack = start + PAGE + GATE_STACK_BYTES;
        let cx: *mut ThreadContext = core::ptr::with_exposed_provenance_mut((start + CONTEXT_AT) as usize);
        // SAFETY: zeroed pages of sufficient size, page-aligned, owned by nobody else: all zeros are a
        // value of the structure, which has only integers.
        let new = unsafe { &mut *cx };
        new.slots[Slot::Context as usize] = start + CONTEXT_AT;
        new.gate_stack = gate_stack;
        new.signal_stack = [gate_stack, gate_stack + SIGNAL_STACK_BYTES];
        new.engine = core::ptr::from_ref(self).expose_provenance() as u64;
        new.altstack = NO_STACK;
        if P::DOMAIN == Domain::Threads {
            crate::follow::register(cx);
        }
        Ok(ContextPtr(cx))
    }

    /// Makes the calling thread one of the engine's: gives it a context and a signal stack, and takes its GS
    /// base. Its registers are still to be set.
    ///
    /// # Errors
    /// [`SetupError::Context`], [`SetupError::Segment`].
    #[expect(clippy::mut_from_ref, reason = "each call makes a new context, which is its caller's alone")]
    pub fn take_thread(&'static self) -> Result<&'static mut ThreadContext, SetupError> {
        let context = self.map_context().map_err(SetupError::Context)?;
        self.lock().contexts.push(context);
        // SAFETY: just made; only this thread uses it.
        let cx = unsafe { &mut *context.0 };
        cx.take();
        cx.in_use.store(usage::RUNNING, Ordering::Release);
        let base = context.0.expose_provenance() as u64;
        // SAFETY: the engine owns GS of its threads.
        unsafe { thread::set_segment_base(thread::SegmentBase::Gs, base) }.map_err(SetupError::Segment)?;
        install_stack(cx);
        Ok(cx)
    }

    /// A context for the calling thread to be followed with: its own from before, or one nobody uses.
    pub(crate) fn claim_context(&self) -> Result<ContextPtr, Errno> {
        let me = thread::gettid() as u32;
        let mut shared = self.lock();
        let is_mine = |cx: &ThreadContext| {
            cx.tid.load(Ordering::Relaxed) == me && cx.in_use.load(Ordering::Acquire) == usage::ENDING
        };
        let mine = shared.contexts.iter().find(|each| is_mine(each.shared())).copied();
        let context = mine.or_else(|| self.free_context(&mut shared)).ok_or(Errno::ENOMEM)?;
        context.shared().take();
        context.shared().epoch.store(u64::MAX, Ordering::SeqCst);
        context.shared().in_use.store(usage::RUNNING, Ordering::Release);
        Ok(context)
    }

    /// Takes over the process's signals.
    pub fn take_signals(&self) {
        self.signals.adopt();
    }

    /// Lets the calling thread run the program from the state in its context. Does not return.
    ///
    /// # Safety
    /// `cx` is the calling thread's, from [`Self::take_thread`], and its state is one a program can be in.
    pub unsafe fn run(&'static self, cx: &'static mut ThreadContext) -> ! {
        let pc = cx.state.app_pc();
        let answer = self.resolve(cx, self.lock(), pc, crate::engine::Arrival::Gate);
        let at = if answer == crate::gate::answer::LEAVE { self.gate.leave } else { self.gate.start };
        let context = core::ptr::from_mut(cx).expose_provenance();
        // SAFETY: the gate resumes at the state in the context, which it finds by GS or leaves by r12.
        unsafe { core::arch::asm!("jmp {}", in(reg) at.get(), in("r12") context, options(noreturn)) }
    }

    /// Address ranges of the engine's that the program must not replace.
    pub(crate) fn reserved(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        [self.low, self.gate_range()].into_iter().map(|range| (range.start().get(), range.end().get()))
    }

    fn gate_range(&self) -> AppRange {
        let range = self.gate_code.range();
        AppRange::new(AppPc::new(range.start().get()), AppPc::new(range.end().get()))
    }
}
