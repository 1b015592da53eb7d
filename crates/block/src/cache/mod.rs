//! The code cache: all regions, blocks and exits of an engine, under its lock.

mod build;
mod chain;
mod check;
mod evict;
mod find;
mod fuse;
mod link;
mod page_lists;
mod room;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use hashbrown::HashMap;
use midstride_addr::{AppPc, CachePc};
use midstride_relocate::Scanner;
use midstride_slab::{PageSource, RegionSet};

use crate::arena::Arena;
use crate::draft::Draft;
use crate::emit::{Env, Landing};
use crate::exec_block::{BlockId, ExecBlock, Exit, ExitId};
use crate::exit::Exits;
use crate::hash::PcHasher;
use crate::pages::PageIndex;
use crate::record::{Record, RecordBuf};
use crate::stats::Stats;
use crate::tables::Tables;

use build::Snapshot;
pub use build::{AppCode, Transform, copy_code};
pub(crate) use chain::ChainLink;
pub use check::Broken;
pub use evict::Retired;
pub use find::{Found, Phase};

/// How many regions a cache has at most.
pub const MAX_REGIONS: usize = 32;

/// What may be chosen about a cache.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of hot code a region asks for; cold code gets half as much again, data a quarter.
    pub hot_bytes: u64,
    /// Units a region is divided into, 2 to 64.
    pub units: u32,
    /// How many blocks and landings of their own a unit may hold, whatever room is left; `u32::MAX` for no limit.
    pub unit_pieces: u32,
    /// How often an exit must have been taken before it is linked: 0 links at once, `None` never.
    pub trust: Option<u16>,
    /// How many instructions a block may have.
    pub block_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        let block_limit = crate::draft::MAX_INSNS;
        Self { hot_bytes: 32 << 20, units: 8, unit_pieces: u32::MAX, trust: Some(0), block_limit }
    }
}

/// Is told what happens to blocks. Called with the engine's lock held: it must not call back.
pub trait Observer: Sync {
    /// A block was built and can be entered.
    fn built(&self, id: BlockId, block: &ExecBlock) {
        let _ = (id, block);
    }

    /// An exit leads to a block without the gate from now on.
    fn linked(&self, exit: &Exit, to: &ExecBlock) {
        let _ = (exit, to);
    }

    /// A block cannot be entered any more.
    fn retired(&self, id: BlockId, block: &ExecBlock) {
        let _ = (id, block);
    }
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// What a cache is made with.
#[derive(Clone, Copy)]
pub struct Parts<A> {
    /// Slots, doors and tables as the emitted code addresses them.
    pub env: Env,
    /// Choices.
    pub config: Config,
    /// Where executable memory comes from.
    pub source: &'static dyn PageSource,
    /// Where the cache's own tables live.
    pub alloc: A,
    /// Is told what happens.
    pub observer: &'static dyn Observer,
}

/// All blocks of an engine. One thread at a time, under the engine's lock; other threads run the code
/// meanwhile.
pub struct CodeCache<A: Allocator + Clone> {
    parts: Parts<A>,
    tables: Tables,
    /// Boxed, like the workbench: a cache is moved a few times while it is made.
    regions: Box<RegionSet<MAX_REGIONS>, A>,
    units: Vec<UnitState<A>, A>,
    active: [usize; MAX_REGIONS],
    blocks: Arena<ExecBlock, A>,
    exits: Arena<Exit, A>,
    index: HashMap<AppPc, BlockId, PcHasher, A>,
    pages: PageIndex<A>,
    /// The block whose landing a table entry leads to, by table and entry.
    heads: HashMap<u32, BlockId, PcHasher, A>,
    scanner: Scanner,
    workbench: Box<Workbench, A>,
    stats: Stats,
    growth: Growth,
    ways: Ways,
}

/// Whether the cache may ask for another region.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Growth {
    Allowed,
    Sealed,
}

/// Whether blocks may lead to each other without the gate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ways {
    Direct,
    ThroughGate,
}

/// Bytes a block's code may take while it is written.
const HOT_BYTES: usize = 12 << 10;
const COLD_BYTES: usize = 1 << 10;

/// What is reused from one build to the next.
struct Workbench {
    snapshot: Snapshot,
    draft: Draft,
    records: RecordBuf,
    exits: Exits,
    hot: [u8; HOT_BYTES],
    cold: [u8; COLD_BYTES],
}

impl Workbench {
    /// A function of its own, as [`no_regions`]: what is made here is made on the stack, each page of which is a page
    /// fault when a program starts.
    #[inline(never)]
    fn boxed<A: Allocator>(alloc: A) -> Box<Self, A> {
        let workbench = Self {
            snapshot: Snapshot::empty(),
            draft: Draft::empty(),
            records: RecordBuf::default(),
            exits: Exits::default(),
            hot: [0; HOT_BYTES],
            cold: [0; COLD_BYTES],
        };
        Box::new_in(workbench, alloc)
    }
}

#[inline(never)]
fn no_regions<A: Allocator>(alloc: A) -> Box<RegionSet<MAX_REGIONS>, A> {
    Box::new_in(RegionSet::new(), alloc)
}

/// What lies in a unit.
struct UnitState<A: Allocator> {
    hot: Vec<Placement, A>,
    cold: Vec<Placement, A>,
    records: Vec<Record, A>,
    state: UnitPhase,
}

/// Whether a unit is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum UnitPhase {
    /// Blocks are, or can be, placed in it.
    Open,
    /// Nothing leads into it; it is free once all threads have passed this epoch.
    Retired { epoch: u64 },
}

/// A run of bytes in a unit and what it is. Allocation goes upwards, so placements are sorted.
#[derive(Clone, Copy, Debug)]
struct Placement {
    start: CachePc,
    bytes: u16,
    block: BlockId,
    what: Placed,
    first_record: u32,
    record_count: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Placed {
    /// A block's hot code, or its stubs.
    Block,
    /// A landing apart from its block.
    Landing(Landing),
    /// A far link: the program is at the exit's target.
    Thunk(ExitId),
}

impl<A: Allocator + Clone> CodeCache<A> {
    /// An empty cache; it takes memory when the first block is built.
    #[must_use]
    pub fn new(parts: Parts<A>, tables: Tables) -> Self {
        let alloc = parts.alloc.clone();
        let workbench = Workbench::boxed(alloc.clone());
        Self {
            tables,
            regions: no_regions(alloc.clone()),
            units: Vec::new_in(alloc.clone()),
            active: [0; MAX_REGIONS],
            blocks: Arena::new_in(alloc.clone()),
            exits: Arena::new_in(alloc.clone()),
            index: HashMap::with_hasher_in(PcHasher, alloc.clone()),
            pages: PageIndex::new_in(alloc.clone()),
            heads: HashMap::with_hasher_in(PcHasher, alloc),
            scanner: Scanner::new(),
            workbench,
            stats: Stats::default(),
            growth: Growth::Allowed,
            ways: Ways::Direct,
            parts,
        }
    }

    /// Makes do with the regions there are: code out of their reach gets far operands and links.
    pub fn seal(&mut self) {
        self.growth = Growth::Sealed;
    }

    /// Counters by cause.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts from 0 again, as a forked child does.
    pub fn forget_stats(&mut self) {
        self.stats = Stats::default();
    }

    /// The regions, to copy before a fork and adopt after it.
    pub fn regions_mut(&mut self) -> &mut RegionSet<MAX_REGIONS> {
        &mut self.regions
    }

    /// The live block that stands for the code at `pc`.
    #[must_use]
    pub fn lookup(&self, pc: AppPc) -> Option<BlockId> {
        self.index.get(&pc).copied()
    }

    /// A block by number, retired ones included.
    #[must_use]
    pub fn block(&self, id: BlockId) -> Option<&ExecBlock> {
        self.blocks.get(id.index())
    }

    /// An exit by number.
    #[must_use]
    pub fn exit(&self, id: ExitId) -> Option<&Exit> {
        self.exits.get(id.index())
    }

    /// How many blocks there are, retired ones included.
    #[must_use]
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Where the cache's code lies.
    pub fn code_ranges(&self) -> impl Iterator<Item = midstride_addr::CacheRange> + '_ {
        self.regions.iter().map(|(_, region)| region.range())
    }
}
