//! A code cache for the code of the running bench, on pages that cannot run.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::AtomicU64;

use allocator_api2::alloc::Global;
use midstride_addr::{AppPc, CachePc};
use midstride_block::{
    AppCode, BlockId, Care, CodeCache, Config, Doors, Draft, Env, MAX_INSNS, Order, Parts, Probe, Rotate,
    SlotBase, TABLE_ENTRIES, Tables, Transactions, Transform, Unobserved, copy_code,
};
use midstride_slab::fake::FakePages;

/// Code of a program and where it lies.
#[derive(Debug)]
pub struct Program {
    start: u64,
    code: Vec<u8>,
}

impl AppCode for Program {
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize {
        copy_code(self.bytes(pc), buffer)
    }
}

impl Program {
    /// The code from `pc` on.
    pub(crate) fn bytes(&self, pc: AppPc) -> &[u8] {
        self.code.get(pc.get().wrapping_sub(self.start) as usize..).unwrap_or(&[])
    }
}

impl Program {
    /// The code of this program: the executable mapping that holds `inside`.
    ///
    /// # Panics
    /// When the system does not say what is mapped.
    #[must_use]
    pub fn own(inside: fn()) -> Self {
        let inside = inside as usize as u64;
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux says what is mapped");
        let range = |line: &str| {
            let (start, rest) = line.split_once('-')?;
            let address = |text| u64::from_str_radix(text, 16).ok();
            Some(address(start)?..address(rest.split(' ').next()?)?)
        };
        let range = maps.lines().filter_map(range).find(|range| range.contains(&inside));
        let range = range.expect("the function is mapped");
        let mut code = vec![0; (range.end - range.start) as usize];
        let mut memory = fs::File::open("/proc/self/mem").expect("Linux shows our own memory");
        memory.seek(SeekFrom::Start(range.start)).expect("any offset is an address");
        memory.read_exact(&mut code).expect("code is readable");
        Self { start: range.start, code }
    }

    /// The first `count` block starts that are found by following direct branches, and calls and what is behind them,
    /// from `inside` on.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn starts(&self, inside: fn(), count: usize) -> Vec<AppPc> {
        let mut cache = cache(Some(0));
        let mut found = vec![AppPc::new(inside as usize as u64)];
        let mut next = 0;
        while next < found.len() && found.len() < count {
            let start = found[next];
            next += 1;
            let end = self.build(&mut cache, start, Shape::default());
            let block = cache.block(end).expect("it was just built");
            let behind = block.app.end();
            let exits = (0..).map(midstride_block::ExitId::from_number).map_while(|id| cache.exit(id));
            let targets = exits.filter(|exit| exit.block == end).map(|exit| exit.target);
            let more: Vec<AppPc> = targets.chain([behind]).collect();
            found.extend(
                more.into_iter()
                    .filter(|&pc| !self.bytes(pc).is_empty() && !found.contains(&pc))
                    .collect::<Vec<_>>(),
            );
        }
        assert!(found.len() >= count, "only {} blocks", found.len());
        found.truncate(count);
        found
    }

    /// Builds the block at `pc`.
    ///
    /// # Panics
    /// When there is no room.
    pub fn build(&self, cache: &mut CodeCache<Global>, pc: AppPc, shape: Shape) -> BlockId {
        cache.build(pc, shape.order, self, &mut Counting(shape.counts)).expect("there is room")
    }
}

/// What is built.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// As the cache is told.
    pub order: Order,
    /// Whether blocks count.
    pub counts: Counts,
}

/// Whether blocks count how often they are entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// They do not.
    No,
    /// They do.
    Yes,
}

impl Default for Shape {
    fn default() -> Self {
        let order = Order { landing: None, limit: MAX_INSNS, care: Care::Trust, follows: None };
        Self { order, counts: Counts::No }
    }
}

struct Counting(Counts);

impl Transform for Counting {
    fn block(&mut self, draft: &mut Draft) -> u32 {
        if self.0 == Counts::Yes {
            draft.set_probe(0, Probe::Count { offset: 0x200 });
        }
        0
    }
}

/// An empty cache that links exits after `trust` visits.
#[must_use]
pub fn cache(trust: Option<u16>) -> CodeCache<Global> {
    let words: &'static [AtomicU64] =
        (0..2 * TABLE_ENTRIES).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak();
    let (returns, indirects) = words.split_at(TABLE_ENTRIES);
    let misses = [CachePc::new(0x1_1000), CachePc::new(0x1_2000)];
    let doors = Doors { gates: 0x1_0000, returns: 0x10_0000, indirects: 0x20_0000 };
    let rotate = Rotate::Rorx;
    let env = Env { slots: SlotBase::Gs, doors, rotate, transactions: Transactions::Abort };
    let config = Config { hot_bytes: 64 << 20, units: 2, trust, ..Config::default() };
    let parts = Parts { env, config, source: FakePages::leak(), alloc: Global, observer: &Unobserved };
    CodeCache::new(parts, Tables::new(returns, indirects, misses, rotate))
}
