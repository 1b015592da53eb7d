//! What looks at the code, and how the engine is told.

use std::sync::atomic::{AtomicU64, Ordering};

use midstride_addr::AppPc;
use midstride_block::{Door, Draft};
use midstride_engine::{AppState, CodeMap, Domain, Following, Leaving, Policy, ThreadContext};

use super::{Stats, maps};

/// What looks at the code of followed threads. A closure that takes a block is one.
///
/// All methods run inside the engine: see [the module](super#what-a-tool-must-not-do).
pub trait Tool: Send + Sync + 'static {
    /// Sees a block before it is built, and may change what is run in its place: [`Draft::set_probe`],
    /// [`Draft::drop_insn`], [`Draft::replace_insn`]. May be called several times for one block.
    fn transform(&self, block: &mut Draft) {
        let _ = block;
    }

    /// A [`Probe::Callout`](super::Probe::Callout) of this number was reached. `state` is that before the
    /// instruction it was set at, and may be changed; the thread goes on at its pc.
    fn callout(&self, id: u32, state: &mut AppState) -> Following {
        let _ = (id, state);
        Following::Continue
    }

    /// Whether to follow on at `pc`. Asked each time control comes there by way of the engine: always, as long
    /// as the answer is no.
    fn leaves_at(&self, pc: AppPc) -> Following {
        let _ = pc;
        Following::Continue
    }

    /// A thread goes on natively from `pc`. Not called under the engine's lock, but inside it.
    fn left(&self, pc: AppPc, why: Leaving) {
        let _ = (pc, why);
    }
}

impl<F: Fn(&mut Draft) + Send + Sync + 'static> Tool for F {
    fn transform(&self, block: &mut Draft) {
        self(block);
    }
}

/// The engine's user.
pub(super) struct Guest<T> {
    pub(super) tool: T,
    pub(super) counters: u32,
    entries: [AtomicU64; Door::ALL.len()],
    signals: AtomicU64,
    left: AtomicU64,
}

impl<T> Guest<T> {
    pub(super) fn new(tool: T, counters: u32) -> Self {
        Self {
            tool,
            counters,
            entries: Default::default(),
            signals: AtomicU64::new(0),
            left: AtomicU64::new(0),
        }
    }

    /// What it has counted itself.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            entries: self.entries.each_ref().map(|count| count.load(Ordering::Relaxed)),
            signals: self.signals.load(Ordering::Relaxed),
            left: self.left.load(Ordering::Relaxed),
            ..Stats::default()
        }
    }
}

impl<T: Tool> Policy for Guest<T> {
    const DOMAIN: Domain = Domain::Threads;

    fn transform(&self, draft: &mut Draft) -> u32 {
        self.tool.transform(draft);
        0
    }

    fn context_room(&self) -> usize {
        self.counters as usize * 8
    }

    fn callout(&self, id: u32, state: &mut AppState) -> Following {
        self.tool.callout(id, state)
    }

    fn unknown_code(&self, code: &mut CodeMap, pc: AppPc) {
        maps::learn(code, pc);
    }

    fn leaves_at(&self, pc: AppPc) -> Following {
        self.tool.leaves_at(pc)
    }

    fn left(&self, pc: AppPc, why: Leaving) {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.tool.left(pc, why);
    }

    fn delivered(&self, _: &ThreadContext, _: i32) {
        self.signals.fetch_add(1, Ordering::Relaxed);
    }

    fn entered(&self, _: &ThreadContext, door: Door) {
        self.entries[door as usize].fetch_add(1, Ordering::Relaxed);
    }
}
