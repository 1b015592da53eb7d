//! A program at fixed addresses and a cache for it, on fake pages: every run of a test sees the same addresses.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use allocator_api2::alloc::Global;
use midstride_addr::{AppPc, CachePc};
use midstride_block::{
    AppCode, BlockId, BuildError, Care, CodeCache, Config, Doors, Draft, Env, ExecBlock, Exit, ExitId,
    Landing, MAX_INSNS, Observer, Order, Parts, Rotate, SlotBase, TABLE_ENTRIES, Tables, Transactions,
    Transform, Unobserved, copy_code,
};
use midstride_slab::fake::FakePages;

/// Below 2 GiB, as code of a non-PIE is.
pub(crate) const LOW: u64 = 0x5000_0000;
/// Where a PIE may be.
pub(crate) const HIGH: u64 = 0x5555_5555_4000;
/// Where emitted code believes the gate's words and the tables to be.
pub(crate) const DOORS: Doors = Doors { gates: 0x1_0000, returns: 0x10_0000, indirects: 0x20_0000 };
/// Slots at a fixed address.
pub(crate) const ABSOLUTE: SlotBase = SlotBase::Absolute(0x30_0000);
/// What the tables hold for targets without a landing.
pub(crate) const MISSES: [CachePc; 2] = [CachePc::new(0x1_1000), CachePc::new(0x1_2000)];

/// Program bytes; what lies between the pieces cannot be executed.
#[derive(Default)]
pub(crate) struct Program {
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Program {
    /// Nothing can be executed any more.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Puts `code` at `at`, over what was there.
    pub(crate) fn put(&mut self, at: u64, code: &[u8]) {
        self.pieces.insert(0, (at, code.to_vec()));
    }
}

impl AppCode for Program {
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize {
        copy_code(self.bytes(pc), buffer)
    }
}

impl Program {
    /// The code from `pc` on.
    pub(crate) fn bytes(&self, pc: AppPc) -> &[u8] {
        let piece =
            self.pieces.iter().find(|(start, code)| pc.get().wrapping_sub(*start) < code.len() as u64);
        piece.map_or(&[], |(start, code)| &code[(pc.get() - start) as usize..])
    }
}

/// A block as an engine orders it, entered first as `landing` says.
pub(crate) fn plain(landing: Option<Landing>) -> Order {
    Order { landing, limit: MAX_INSNS, care: Care::Trust, follows: None }
}

/// What a test chooses about its cache.
pub(crate) struct Choices {
    pub(crate) slots: SlotBase,
    pub(crate) rotate: Rotate,
    pub(crate) transactions: Transactions,
    pub(crate) config: Config,
    pub(crate) observer: &'static dyn Observer,
}

impl Default for Choices {
    fn default() -> Self {
        let config = Config { hot_bytes: 256 << 10, units: 2, block_limit: 128, ..Config::default() };
        let transactions = Transactions::Abort;
        Self { slots: SlotBase::Gs, rotate: Rotate::Rorx, transactions, config, observer: &Unobserved }
    }
}

/// A change of blocks before they are written.
pub(crate) struct Change<F>(pub(crate) F);

impl<F: FnMut(&mut Draft)> Transform for Change<F> {
    fn block(&mut self, draft: &mut Draft) -> u32 {
        (self.0)(draft);
        0
    }
}

/// A program and its cache.
pub(crate) struct World {
    pub(crate) program: Program,
    pub(crate) cache: CodeCache<Global>,
    pub(crate) slots: SlotBase,
    words: Words,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Ok(mut free) = WORDS.lock() {
            free.push(self.words);
        }
    }
}

/// The words of both tables.
type Words = &'static [AtomicU64];

/// Words that no world uses now; a cache wants them for ever.
static WORDS: Mutex<Vec<Words>> = Mutex::new(Vec::new());

fn words() -> Words {
    let free = WORDS.lock().expect("nobody panics with the lock").pop();
    free.unwrap_or_else(|| (0..2 * TABLE_ENTRIES).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak())
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Choices::default())
    }

    pub(crate) fn with(choices: Choices) -> Self {
        let Choices { slots, rotate, transactions, config, observer } = choices;
        let env = Env { slots, doors: DOORS, rotate, transactions };
        let parts = Parts { env, config, source: FakePages::leak(), alloc: Global, observer };
        let words = words();
        let (returns, indirects) = words.split_at(TABLE_ENTRIES);
        let cache = CodeCache::new(parts, Tables::new(returns, indirects, MISSES, rotate));
        Self { program: Program::default(), cache, slots, words }
    }

    /// Puts `code` at `at` and builds the block there.
    pub(crate) fn block(&mut self, at: u64, code: &[u8]) -> BlockId {
        self.program.put(at, code);
        self.build(at, None).expect("there is room")
    }

    /// Likewise, with a landing in front.
    pub(crate) fn landed(&mut self, at: u64, code: &[u8], landing: Landing) -> BlockId {
        self.program.put(at, code);
        self.build(at, Some(landing)).expect("there is room")
    }

    /// Likewise, changed.
    pub(crate) fn changed(&mut self, at: u64, code: &[u8], change: impl FnMut(&mut Draft)) -> BlockId {
        self.program.put(at, code);
        let built = self.cache.build(AppPc::new(at), plain(None), &self.program, &mut Change(change));
        built.expect("there is room")
    }

    /// Puts `code` at `at` and builds a block there that looks out for changes.
    pub(crate) fn careful(&mut self, at: u64, code: &[u8]) -> BlockId {
        self.program.put(at, code);
        self.order(at, Order { care: Care::Check, ..plain(None) }).expect("there is room")
    }

    /// Builds the block at `at`.
    pub(crate) fn build(&mut self, at: u64, landing: Option<Landing>) -> Result<BlockId, BuildError> {
        self.order(at, plain(landing))
    }

    /// Builds the block at `at` as told.
    pub(crate) fn order(&mut self, at: u64, order: Order) -> Result<BlockId, BuildError> {
        let built = self.unchecked(at, order);
        self.check();
        built
    }

    /// Likewise, without a look at all the others.
    pub(crate) fn unchecked(&mut self, at: u64, order: Order) -> Result<BlockId, BuildError> {
        self.cache.build(AppPc::new(at), order, &self.program, &mut Change(|_: &mut Draft| {}))
    }

    /// Links every exit of `from` whose target has a block.
    pub(crate) fn link(&mut self, from: BlockId) {
        for (id, exit) in self.exits(from) {
            if let Some(to) = self.cache.lookup(exit.target) {
                self.cache.link(id, to);
                self.check();
            }
        }
    }

    pub(crate) fn get(&self, id: BlockId) -> ExecBlock {
        *self.cache.block(id).expect("the block exists")
    }

    /// The exits of a block in the order in which they were written.
    pub(crate) fn exits(&self, block: BlockId) -> Vec<(ExitId, Exit)> {
        let exit =
            |number| Some((ExitId::from_number(number), *self.cache.exit(ExitId::from_number(number))?));
        let mut exits: Vec<_> = (0..4096).filter_map(exit).filter(|(_, exit)| exit.block == block).collect();
        exits.sort_by_key(|(_, exit)| exit.stub);
        exits
    }

    /// The only exit of a block.
    pub(crate) fn exit(&self, block: BlockId) -> (ExitId, Exit) {
        let [exit] = self.exits(block)[..] else { panic!("the block has one exit") };
        exit
    }

    /// Bytes of the cache.
    pub(crate) fn read(&mut self, at: CachePc, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let regions = self.cache.regions_mut();
        let read = regions.iter().any(|(_, region)| region.read(at, &mut bytes).is_ok());
        assert!(read || count == 0, "{count} bytes at {at} are in no region");
        bytes
    }

    /// All of the cache's own invariants.
    pub(crate) fn check(&self) {
        if let Err(broken) = self.cache.check() {
            panic!("{broken}: {broken:?}");
        }
    }
}
