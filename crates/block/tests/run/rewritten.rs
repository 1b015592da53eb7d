//! The program in a code cache on executable pages.

use std::sync::atomic::Ordering;

use allocator_api2::alloc::Global;
use midstride_addr::{AppPc, AppRange, CachePc, CacheRange};
use midstride_asm::Gpr;
use midstride_block::{
    BlockId, Care, CodeCache, Config, Door, Doors, Draft, Env, ExitId, Landing, MAX_INSNS, Order, Parts,
    PcSource, Probe, Rotate, Slot, SlotBase, TABLE_ENTRIES, Tables, Transactions, Transform, Translation,
    Unobserved,
};
use midstride_os::LINUX_PAGES;
use midstride_os::thread::{SegmentBase, set_segment_base};

use crate::compare::Flags;
use crate::generate::{Piece, Program};
use crate::machine::{Point, Regs};
use crate::memory::Memory;

/// How emitted code finds its slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slots {
    Gs,
    Absolute,
}

/// How a program is rewritten.
#[derive(Clone, Debug)]
pub(crate) struct Rewriting {
    pub(crate) slots: Slots,
    pub(crate) rotate: Rotate,
    pub(crate) landing: Option<Landing>,
    pub(crate) care: Care,
    /// Before which instruction a block counts.
    pub(crate) count: Option<usize>,
    /// Whether the cache lies out of reach of the program.
    pub(crate) far: bool,
    pub(crate) building: Building,
}

/// When blocks are built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Building {
    /// The program's blocks at once.
    First,
    /// When they are reached, over the jumps that lead to them where that is possible.
    AsReached,
}

/// Where a door is: nothing can be mapped there.
const DOOR: u64 = 0x1000;
/// The counter's place in the context.
const COUNTER: i32 = 0x100;

/// Counts before one instruction of each block.
struct Counting(Option<usize>);

impl Transform for Counting {
    fn block(&mut self, draft: &mut Draft) -> u32 {
        if let Some(index) = self.0 {
            draft.set_probe(index.min(draft.len().saturating_sub(1)), Probe::Count { offset: COUNTER });
        }
        0
    }
}

/// A rewritten program.
pub(crate) struct Rewritten {
    cache: CodeCache<Global>,
    rewriting: Rewriting,
}

impl Rewritten {
    /// Builds all blocks, links them and lets indirect branches find them.
    pub(crate) fn new(memory: &Memory, program: &Program, rewriting: &Rewriting) -> Self {
        let mut rewritten = Self { cache: cache(memory, rewriting), rewriting: rewriting.clone() };
        if rewriting.far {
            rewritten.settle_elsewhere(memory);
        }
        for piece in program.blocks.iter().filter(|_| rewriting.building == Building::First) {
            rewritten.build(piece.start, program, None);
        }
        rewritten.connect();
        let base = if rewriting.slots == Slots::Gs { memory.low } else { 0 };
        // SAFETY: nothing in this thread uses GS but the code that is run here.
        unsafe { set_segment_base(SegmentBase::Gs, base) }.expect("GS can be set");
        rewritten
    }

    fn build(&mut self, pc: u64, program: &Program, follows: Option<ExitId>) -> BlockId {
        let Rewriting { landing, care, count, .. } = self.rewriting;
        let order = Order { landing, limit: MAX_INSNS, care, follows };
        self.cache.build(AppPc::new(pc), order, program, &mut Counting(count)).expect("there is room")
    }

    /// Makes a region out of the program's reach the only one.
    fn settle_elsewhere(&mut self, memory: &Memory) {
        let block = Piece { start: memory.elsewhere, code: vec![0xc3] };
        self.build(memory.elsewhere, &Program { blocks: vec![block] }, None);
        self.cache.seal();
    }

    /// Links all exits and lets indirect branches find all blocks.
    fn connect(&mut self) {
        for number in 0..256 {
            let exit = ExitId::from_number(number);
            let to = self.cache.exit(exit).and_then(|exit| self.cache.lookup(exit.target));
            if let Some(to) = to {
                self.cache.link(exit, to);
            }
        }
        if self.rewriting.landing.is_some() {
            for id in (0..16).map(BlockId::from_number) {
                for landing in [Landing::Return, Landing::Indirect] {
                    // The numbers that name no block are refused.
                    let _ = self.cache.ensure_landing(id, landing);
                }
            }
        }
        self.cache.check().unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Where a thread enters the block at `pc`, which is built if there is none; it left the cache at `from`.
    pub(crate) fn entry(&mut self, pc: u64, program: &Program, from: Option<&Point>) -> CachePc {
        let id = self.cache.lookup(AppPc::new(pc)).unwrap_or_else(|| {
            let from = from.filter(|point| door_at(point.regs.pc) == Some(Door::Direct));
            let exit = from.map(|point| ExitId::from_number(point.slots[Slot::Exit as usize] as u32));
            let id = self.build(pc, program, exit.filter(|_| self.rewriting.building == Building::AsReached));
            self.connect();
            id
        });
        self.cache.block(id).expect("live blocks exist").body
    }

    /// Where the cache's code lies.
    pub(crate) fn ranges(&self) -> Vec<AppRange> {
        let range =
            |range: CacheRange| AppRange::new(AppPc::new(range.start().get()), AppPc::new(range.end().get()));
        self.cache.code_ranges().map(range).collect()
    }

    /// Where flags are the program's.
    pub(crate) fn flags(&self) -> Flags {
        if self.rewriting.count.is_some() { Flags::AtTheEnd } else { Flags::Everywhere }
    }

    /// The program's state at `point`; `None` where the program is nowhere.
    pub(crate) fn state(&self, point: &Point) -> Option<Regs> {
        if let Some(door) = door_at(point.regs.pc) {
            return self.state_at_door(point, door);
        }
        let found = self.cache.find(CachePc::new(point.regs.pc))?;
        Some(apply(point, &found.translation))
    }

    fn state_at_door(&self, point: &Point, door: Door) -> Option<Regs> {
        let mut regs = point.regs;
        let rcx = &mut regs.gprs[usize::from(Gpr::Rcx.number())];
        let exit = self.cache.exit(ExitId::from_number(point.slots[Slot::Exit as usize] as u32));
        regs.pc = match door {
            Door::Return => {
                *rcx = point.slots[Slot::Rcx as usize];
                point.below
            }
            Door::Indirect => {
                *rcx = point.slots[Slot::Rcx as usize];
                point.slots[Slot::Target as usize]
            }
            Door::Direct => exit?.target.get(),
            Door::Stale => panic!("no program of this test changes its code"),
            _ => exit?.at.get(),
        };
        Some(regs)
    }

    /// Everything that is written, for messages.
    pub(crate) fn listing(&mut self) -> String {
        let mut text = String::new();
        for id in (0..16).map(BlockId::from_number) {
            let Some(block) = self.cache.block(id).copied() else { continue };
            let mut code = vec![0; block.hot_bytes.into()];
            let regions = self.cache.regions_mut();
            if regions.iter().any(|(_, region)| region.read(block.hot, &mut code).is_ok()) {
                let listing = midstride_testkit::Listing::new(&code).at(block.hot);
                text += &format!("block at {}, in the cache at {}\n{listing}", block.app.start(), block.hot);
            }
        }
        text
    }
}

impl Drop for Rewritten {
    fn drop(&mut self) {
        // SAFETY: as it was before.
        unsafe { set_segment_base(SegmentBase::Gs, 0) }.expect("GS can be set");
    }
}

fn cache(memory: &Memory, rewriting: &Rewriting) -> CodeCache<Global> {
    let [returns, indirects] = memory.tables();
    for (door, word) in Door::ALL.into_iter().zip(memory.words(memory.doors(), Door::ALL.len())) {
        word.store(DOOR + door as u64 * 16, Ordering::Relaxed);
    }
    let slots = match rewriting.slots {
        Slots::Gs => SlotBase::Gs,
        Slots::Absolute => SlotBase::Absolute(memory.low as i32),
    };
    let doors = Doors { gates: memory.doors() as i32, returns: returns as i32, indirects: indirects as i32 };
    let misses = [Door::Return, Door::Indirect].map(|door| CachePc::new(DOOR + door as u64 * 16));
    let words = [returns, indirects].map(|table| memory.words(table, TABLE_ENTRIES));
    let config = Config { hot_bytes: 256 << 10, units: 2, ..Config::default() };
    let parts = Parts {
        env: Env { slots, doors, rotate: rewriting.rotate, transactions: Transactions::Abort },
        config,
        source: &LINUX_PAGES,
        alloc: Global,
        observer: &Unobserved,
    };
    CodeCache::new(parts, Tables::new(words[0], words[1], misses, rewriting.rotate))
}

fn door_at(pc: u64) -> Option<Door> {
    Door::ALL.into_iter().find(|&door| pc == DOOR + door as u64 * 16)
}

/// Takes registers from their slots and finds the pc, as an engine does for a signal.
fn apply(point: &Point, translation: &Translation) -> Regs {
    let mut regs = point.regs;
    for (reg, slot) in translation.saved() {
        regs.gprs[usize::from(reg.number())] = point.slots[slot as usize];
    }
    regs.pc = match translation.pc {
        PcSource::Known(pc) => pc.get(),
        PcSource::BelowStack => point.below,
        PcSource::TargetSlot => point.slots[Slot::Target as usize],
        PcSource::Exit(number) => panic!("exit {number} was not resolved"),
    };
    regs
}
