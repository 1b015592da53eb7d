//! A program of random bytes and the cache that holds its blocks.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use arbitrary::{Result, Unstructured};
use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_block::{
    AppCode, BlockId, BlockState, BuildError, Care, CodeCache, Config, Doors, Draft, Env, Exit, ExitId,
    Landing, Order, Parts, Probe, Rotate, SlotBase, TABLE_ENTRIES, Tables, Transactions, Transform,
    Unobserved, copy_code,
};
use midstride_slab::fake::FakePages;

use super::super::code::address;
use crate::block_bytes;

/// Memory for the cache's own tables.
type Heap = allocator_api2::alloc::Global;

/// Where emitted code believes the gate and the tables to be: below 2 GiB, as it needs.
pub(super) const DOORS: Doors = Doors { gates: 0x1_0000, returns: 0x10_0000, indirects: 0x20_0000 };
/// What the tables hold for targets without a landing.
const MISSES: [CachePc; 2] = [CachePc::new(0x1_1000), CachePc::new(0x1_2000)];
/// Programs have no code above.
const USER_END: u64 = 0x7fff_0000_0000;
/// The offset that counting probes are given.
const COUNTER: i32 = 0x200;

/// The words of both target tables: one world at a time has them.
fn tables() -> (&'static [AtomicU64], &'static [AtomicU64]) {
    static WORDS: OnceLock<Vec<AtomicU64>> = OnceLock::new();
    WORDS.get_or_init(|| (0..2 * TABLE_ENTRIES).map(|_| AtomicU64::new(0)).collect()).split_at(TABLE_ENTRIES)
}

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pages() -> &'static FakePages {
    static PAGES: OnceLock<&FakePages> = OnceLock::new();
    PAGES.get_or_init(FakePages::leak)
}

/// Program bytes; nothing around them may be executed.
pub(super) struct App {
    pub(super) range: AppRange,
    code: Vec<u8>,
}

impl AppCode for App {
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize {
        copy_code(self.bytes(pc), buffer)
    }
}

impl App {
    /// The code from `pc` on.
    pub(crate) fn bytes(&self, pc: AppPc) -> &[u8] {
        if self.range.contains(pc) {
            &self.code[(pc.get() - self.range.start().get()) as usize..]
        } else {
            &[]
        }
    }
}

/// Puts a counting probe where it was told to.
struct CountAt(Option<usize>);

impl Transform for CountAt {
    fn block(&mut self, draft: &mut Draft) -> u32 {
        if let Some(index) = self.0 {
            draft.set_probe(index % draft.len().max(1), Probe::Count { offset: COUNTER });
        }
        0
    }
}

/// The program and its cache.
pub(super) struct World {
    pub(super) app: App,
    pub(super) cache: CodeCache<Heap>,
    /// Whether blocks count their executions.
    pub(super) probe: Option<usize>,
    /// What becomes of `xbegin`.
    pub(super) transactions: Transactions,
    pub(super) slots: SlotBase,
    built: Vec<BlockId>,
    epoch: u64,
    _turn: MutexGuard<'static, ()>,
}

/// Does something to a world.
type Step = fn(&mut World, &mut Unstructured<'_>) -> Result<()>;

/// Building comes first for inputs that are all zeros.
const STEPS: [Step; 8] = [
    |world, u| world.build(u),
    |world, u| world.build(u),
    |world, u| world.build(u),
    |world, u| world.link(u),
    |world, u| world.unlink(u),
    |world, u| world.land(u),
    |world, u| world.invalidate(u),
    |world, u| world.evict(u),
];

impl World {
    pub(super) fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let turn = turn();
        let code = block_bytes(u)?;
        let start = AppPc::new(address(u)? % USER_END);
        let range = AppRange::new(start, start.add(code.len() as u64));
        let slots = if u.arbitrary()? { SlotBase::Gs } else { SlotBase::Absolute(0x30_0000) };
        let block_limit = if u.arbitrary()? { u.int_in_range(1..=4)? } else { 128 };
        let config =
            Config { hot_bytes: 64 << 10, units: 2, trust: Some(0), block_limit, ..Config::default() };
        let rotate = if u.arbitrary()? { Rotate::Rorx } else { Rotate::None };
        let transactions = *u.choose(&[Transactions::Abort, Transactions::Undefined])?;
        let env = Env { slots, doors: DOORS, rotate, transactions };
        let (returns, indirects) = tables();
        let parts = Parts { env, config, source: pages(), alloc: Heap {}, observer: &Unobserved };
        let cache = CodeCache::new(parts, Tables::new(returns, indirects, MISSES, rotate));
        let probe = if u.ratio(1, 4)? { Some(u.choose_index(32)?) } else { None };
        Ok(Self {
            app: App { range, code },
            cache,
            probe,
            transactions,
            slots,
            built: Vec::new(),
            epoch: 1,
            _turn: turn,
        })
    }

    pub(super) fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        STEPS[u.choose_index(STEPS.len())?](self, u)
    }

    /// The blocks that stand for program code now.
    pub(super) fn live(&self) -> Vec<BlockId> {
        let is_live =
            |id: &BlockId| self.cache.block(*id).is_some_and(|block| block.state == BlockState::Live);
        self.built.iter().copied().filter(is_live).collect()
    }

    /// The exits of a block, in the order of their numbers.
    pub(super) fn exits(&self, block: BlockId) -> Vec<(ExitId, Exit)> {
        let exit =
            |number| Some((ExitId::from_number(number), *self.cache.exit(ExitId::from_number(number))?));
        (0..)
            .map_while(|number| (number < 1024).then(|| exit(number)))
            .flatten()
            .filter(|(_, exit)| exit.block == block)
            .collect()
    }

    /// The bytes of the cache at `at`.
    pub(super) fn read(&mut self, at: CachePc, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let regions = self.cache.regions_mut();
        let region =
            regions.iter().map(|(_, region)| region).find(|region| region.read(at, &mut bytes).is_ok());
        assert!(region.is_some() || count == 0, "{count} bytes at {at} are in no region");
        bytes
    }

    fn build(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let pc = self.app.range.start().add(u.choose_index(self.app.code.len().max(1))? as u64);
        let landing = *u.choose(&[None, Some(Landing::Return), Some(Landing::Indirect)])?;
        let care = *u.choose(&[Care::Trust, Care::Trust, Care::Check])?;
        let order = Order { landing, limit: u.int_in_range(1..=128)?, care, follows: None };
        if self.cache.lookup(pc).is_some() {
            return Ok(());
        }
        let epoch = self.epoch;
        match self.cache.build(pc, order, &self.app, &mut CountAt(self.probe)) {
            Ok(id) => {
                self.built.retain(|&old| old != id);
                self.built.push(id);
                assert_eq!(self.cache.lookup(pc), Some(id));
            }
            Err(BuildError::Full { region }) => {
                self.cache.retire_next_unit(region, epoch);
                self.reclaim();
            }
            Err(error) => panic!("no block at {pc}: {error}"),
        }
        Ok(())
    }

    fn block(&self, u: &mut Unstructured<'_>) -> Result<Option<BlockId>> {
        let live = self.live();
        Ok(if live.is_empty() { None } else { Some(*u.choose(&live)?) })
    }

    /// Links every exit of a block whose target is there.
    fn link(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(block) = self.block(u)? else { return Ok(()) };
        for (id, exit) in self.exits(block) {
            if let Some(to) = self.cache.lookup(exit.target) {
                self.cache.link(id, to);
            }
        }
        Ok(())
    }

    fn unlink(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(block) = self.block(u)? else { return Ok(()) };
        for (id, _) in self.exits(block) {
            self.cache.unlink(id);
            assert_eq!(self.cache.exit(id).and_then(|exit| exit.linked), None);
        }
        Ok(())
    }

    fn land(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(block) = self.block(u)? else { return Ok(()) };
        let landing = *u.choose(&[Landing::Return, Landing::Indirect])?;
        match self.cache.ensure_landing(block, landing) {
            Ok(_) | Err(BuildError::Full { .. }) => Ok(()),
            Err(error) => panic!("no landing: {error}"),
        }
    }

    fn invalidate(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let size = self.app.code.len() as u64;
        let start = u.int_in_range(0..=size)?;
        let end = u.int_in_range(start..=size)?;
        let range = AppRange::new(self.app.range.start().add(start), self.app.range.start().add(end));
        self.cache.invalidate(range);
        assert!(!self.cache.has_code_in(range), "blocks of {range} are left");
        Ok(())
    }

    fn evict(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let epoch = self.epoch;
        if u.arbitrary()? {
            self.cache.retire_all(epoch);
        } else if let Some(region) = self.block(u)?.and_then(|id| Some(self.cache.block(id)?.unit.region)) {
            self.cache.retire_next_unit(region, epoch);
        }
        self.reclaim();
        Ok(())
    }

    /// All threads (there are none) have left what was retired.
    fn reclaim(&mut self) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.cache.reclaim(epoch);
        let cache = &self.cache;
        self.built.retain(|&id| cache.block(id).is_some());
    }
}
