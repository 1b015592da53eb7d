//! The policy: what is counted and where it is written.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use core::fmt::Write as _;

use midstride_addr::AppRange;
use midstride_block::{Door, Draft, ExecBlock, Probe, Stats};
use midstride_engine::{
    Birth, CutShort, Ending, Exec, Limited, Limits, NewCode, Policy, ROOM_AT, ThreadContext,
};
use midstride_os::Stderr;
use midstride_tracer_abi as abi;
use midstride_tracer_abi::{Block, Bootstrap, Partial, life, stat};

use crate::channel::{Channel, NO_SLOT, introduce};
use crate::modules::{PATH_BYTES, path_of};
use crate::{exec, limits, report};

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Run,
    Cov,
    Count,
}

impl Mode {
    pub(crate) fn of(mode: u32) -> Self {
        match mode {
            abi::MODE_COV => Self::Cov,
            abi::MODE_COUNT => Self::Count,
            _ => Self::Run,
        }
    }

    fn records(self) -> bool {
        self != Self::Run
    }
}

/// The policy of a traced process.
pub(crate) struct Tracer {
    channel: Channel,
    mode: Mode,
    slot: AtomicU32,
    follow: bool,
    chatter: bool,
    /// Of this image, and of the channel.
    mapped_bytes: u64,
}

/// Bytes of one thread's counters.
const COUNTER_BYTES: usize = abi::BLOCKS_MAX as usize * 8;

impl Tracer {
    pub(crate) fn new(channel: Channel, mode: Mode, boot: &Bootstrap) -> Self {
        let follow = boot.follow_children != 0;
        if let Some(header) = channel.header() {
            introduce(header, boot.slot, boot.parent_slot);
        }
        let mapped_bytes = boot.image_end - boot.boot_start + abi::CONTROL_BYTES + channel.mapped_bytes();
        let (slot, chatter) = (AtomicU32::new(boot.slot), boot.verbosity > 1);
        Self { channel, mode, slot, follow, chatter, mapped_bytes }
    }

    fn slot(&self) -> u32 {
        self.slot.load(Ordering::Relaxed)
    }

    /// The first thread is about to run.
    pub(crate) fn begin(&self, cx: &mut ThreadContext, boot: &Bootstrap) {
        cx.tag = u64::from(boot.slot);
        self.map_counters(cx, boot.slot);
    }

    /// Lets the thread's counters lie in `slot`.
    fn map_counters(&self, cx: &ThreadContext, slot: u32) {
        if self.mode != Mode::Count || slot == NO_SLOT {
            return;
        }
        let room = core::ptr::from_ref(cx).expose_provenance() as u64 + ROOM_AT as u64;
        if self.channel.map_counters(slot, room, COUNTER_BYTES as u64).is_err() {
            self.bump_lost();
        }
    }

    fn bump_lost(&self) {
        if let Some(header) = self.channel.header() {
            header.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says something on the program's standard error, when that was asked for.
    fn chat(&self, what: core::fmt::Arguments<'_>) {
        if self.chatter {
            let _ = writeln!(Stderr, "midtrace: {}: {what}", midstride_os::thread::gettid());
        }
    }

    /// Counts what happens under the engine's lock, one at a time.
    fn bump(&self, index: usize) {
        if let Some(header) = self.channel.header() {
            let count = &header.stats[index];
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    pub(crate) fn module(&self, range: AppRange, offset: u64, path: &[u8]) {
        if self.mode.records() {
            report::module(&self.channel, range.start().get(), range.end().get(), offset, path);
        }
    }

    /// A thread's own counters, in a slot that names the process's.
    fn new_thread_slot(&self, cx: &mut ThreadContext) {
        if self.mode != Mode::Count {
            return;
        }
        let slot = self.channel.new_slot();
        if slot == NO_SLOT {
            return self.bump_lost();
        }
        let owner = self.slot();
        self.channel.with_header(slot, |header| introduce(header, owner, owner));
        cx.tag = u64::from(slot);
        self.map_counters(cx, slot);
    }

    /// A forked child: its own slot, in which the parent's records count as inherited.
    fn new_process_slot(&self, cx: &mut ThreadContext) {
        let parent = self.slot();
        let Some(header) = self.channel.header() else { return };
        let load = |word: &AtomicU32| word.load(Ordering::Relaxed);
        let (blocks, modules, paths) =
            (load(&header.blocks), load(&header.modules), load(&header.path_bytes));
        let slot = self.channel.new_slot();
        if self.channel.move_to(slot).is_err() {
            return self.bump_lost();
        }
        self.slot.store(slot, Ordering::Relaxed);
        let store = |word: &AtomicU32, value| word.store(value, Ordering::Relaxed);
        store(&header.blocks, blocks);
        store(&header.inherited_blocks, blocks);
        store(&header.modules, modules);
        store(&header.inherited_modules, modules);
        store(&header.path_bytes, paths);
        store(&header.forked, 1);
        introduce(header, slot, parent);
        cx.tag = u64::from(slot);
        self.map_counters(cx, slot);
    }

    /// The counter of a block on this thread.
    fn counter(&self, cx: &ThreadContext, index: u32) -> Option<&AtomicU64> {
        if self.mode != Mode::Count {
            return None;
        }
        let at = core::ptr::from_ref(cx).expose_provenance() + ROOM_AT + index as usize * 8;
        // SAFETY: the room behind a context has a word for every block.
        Some(unsafe { &*core::ptr::with_exposed_provenance::<AtomicU64>(at) })
    }
}

impl Policy for Tracer {
    fn transform(&self, draft: &mut Draft) -> u32 {
        let index = report::next_block(&self.channel);
        if self.mode == Mode::Count && !draft.is_empty() && index < abi::BLOCKS_MAX {
            draft.set_probe(0, Probe::Count { offset: (ROOM_AT + index as usize * 8) as i32 });
        }
        index
    }

    fn built(&self, block: &ExecBlock) {
        self.bump(stat::BLOCKS_BUILT);
        if self.mode.records() {
            let start = block.app.start().get();
            let record = Block { start, bytes: block.app.len() as u32, insns: block.insns, flags: 0 };
            report::block(&self.channel, record);
        }
    }

    fn cut_short(&self, cx: &ThreadContext, cut: CutShort) {
        if !self.mode.records() {
            return;
        }
        if let Some(counter) = self.counter(cx, cut.tag).filter(|_| !cut.probed) {
            counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        if self.mode == Mode::Count || cut.first_run {
            let partial = Partial { block: cut.tag, insns: cut.insns, times: 1, bytes: cut.bytes };
            report::partial(&self.channel, partial);
        }
    }

    fn mapped(&self, code: NewCode) {
        let mut buffer = [0; PATH_BYTES];
        let wanted = code.fd >= 0 && (self.mode.records() || self.chatter);
        let path = if wanted { path_of(code.fd, &mut buffer) } else { &[] };
        let (range, shown) = (code.range, core::str::from_utf8(path).unwrap_or("?"));
        self.chat(format_args!("code at {}..{}: {shown}", range.start(), range.end()));
        self.module(range, code.offset, path);
    }

    fn unmapped(&self, range: AppRange) {
        if self.mode.records() {
            report::unmapped(&self.channel, range.start().get(), range.end().get());
        }
    }

    fn context_room(&self) -> usize {
        if self.mode == Mode::Count { COUNTER_BYTES } else { 0 }
    }

    fn born(&self, cx: &mut ThreadContext, birth: Birth) {
        match birth {
            Birth::Thread | Birth::Borrower => self.new_thread_slot(cx),
            Birth::Fork => self.new_process_slot(cx),
        }
        if let Some(header) = self.channel.header().filter(|_| birth == Birth::Thread) {
            header.births.fetch_add(1, Ordering::Relaxed);
        }
        self.chat(format_args!("begins as a {birth:?}"));
    }

    fn exiting(&self, _: &ThreadContext, ending: Ending) {
        if let Some(header) = self.channel.header().filter(|_| ending == Ending::Process) {
            header.life.store(life::EXITED, Ordering::Release);
        }
    }

    fn statistics(&self, stats: &Stats) {
        let Some(header) = self.channel.header() else { return };
        let table = [
            (stat::APP_BYTES, stats.app_bytes),
            (stat::CACHE_BYTES, stats.cache_bytes),
            (stat::LINKS, stats.links),
            (stat::FAR_LINKS, stats.far_links),
            (stat::FAR_OPERANDS, stats.far_operands),
            (stat::FALL_THROUGHS, stats.fall_throughs),
            (stat::UNLINKS, stats.unlinks),
            (stat::MISSES_NEW, stats.landings),
            (stat::MISSES_LANDING, stats.extra_landings),
            (stat::MISSES_DROPPED, stats.landings_found),
            (stat::CHAINED, stats.table_conflicts),
            (stat::EVICTIONS, stats.evictions),
            (stat::INVALIDATED, stats.invalidated),
        ];
        let evicted =
            stats.evictions - header.stats[stat::EVICTIONS].load(Ordering::Relaxed).min(stats.evictions);
        if evicted != 0 {
            self.chat(format_args!("evicted {evicted} of the code cache's units"));
        }
        for (index, value) in table {
            header.stats[index].store(value, Ordering::Relaxed);
        }
    }

    fn delivered(&self, _: &ThreadContext, _: i32) {
        if let Some(header) = self.channel.header() {
            header.stats[stat::SIGNALS].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn entered(&self, _: &ThreadContext, door: Door) {
        self.bump(match door {
            Door::Direct => stat::GATE_DIRECT,
            Door::Return => stat::GATE_RETURN,
            Door::Indirect => stat::GATE_INDIRECT,
            Door::Syscall => stat::GATE_SYSCALL,
            Door::Emulate | Door::Callout | Door::Stale => stat::GATE_OTHER,
        });
    }

    fn mapped_bytes(&self) -> u64 {
        self.mapped_bytes
    }

    fn remember_limits(&self, of: Limited, told: Limits, own: Limits) {
        limits::remember(self.channel.control(), of, told, own);
    }

    fn own_limits(&self, of: Limited, told: Limits) -> Option<Limits> {
        limits::recall(self.channel.control(), of, told)
    }

    fn before_exec(&self, cx: &ThreadContext) -> Exec {
        self.chat(format_args!("is about to execute another program"));
        if !self.follow {
            return Exec::Go { ticket: exec::NO_TICKET };
        }
        Exec::Go { ticket: exec::ask(self.channel.control(), self.slot(), cx) }
    }

    fn exec_failed(&self, _: &ThreadContext, ticket: u32) {
        if ticket != exec::NO_TICKET {
            exec::cancel(self.channel.control(), ticket);
        }
    }
}
