//! Building a block and placing it.

use allocator_api2::alloc::Allocator;
use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_slab::{RegionId, Slab};

use super::{ChainLink, CodeCache, Placed, Placement, Workbench};
use crate::draft::{Draft, End, MAX_APP_BYTES, Stop};
use crate::emit::{BuildError, Care, Emitted, Emitter, Landing, Order, Place};
use crate::exec_block::{BlockId, BlockState, ExecBlock, Exit, ExitId, PageLinks, UnitRef};
use crate::exit::{ExitKind, STUB_NUMBER_AT};

/// The program's code as it can be executed now.
pub trait AppCode {
    /// Copies code from `pc` on to `buffer`, as far as it may be executed without a gap; answers how many bytes
    /// that was, 0 when `pc` may not be executed.
    ///
    /// Code can change at any moment, and even vanish: a copy is one version of it.
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize;
}

/// The answer of [`AppCode::read`] where `code` may be executed from `pc` on.
pub fn copy_code(code: &[u8], buffer: &mut [u8]) -> usize {
    let bytes = code.len().min(buffer.len());
    buffer[..bytes].copy_from_slice(&code[..bytes]);
    bytes
}

/// Looks at every block before it is written, and may change what is emitted for it.
pub trait Transform {
    /// Called with a block just read; the answer is kept as [`ExecBlock::tag`].
    fn block(&mut self, draft: &mut Draft) -> u32;
}

/// One more than a block reads, so that it ends because it is full and not because the code does.
const SNAPSHOT_BYTES: usize = MAX_APP_BYTES + 1;

/// Few blocks have more; what more there is is copied only for a block that goes on behind it.
const FIRST_BYTES: usize = 128;

/// Code as read once: a block must not be made of one version and compare with another.
pub(super) struct Snapshot {
    bytes: [u8; SNAPSHOT_BYTES],
    len: usize,
    /// How much was asked for.
    wanted: usize,
}

impl Snapshot {
    pub(super) const fn empty() -> Self {
        Self { bytes: [0; SNAPSHOT_BYTES], len: 0, wanted: 0 }
    }

    /// Copies up to `wanted` bytes in place of what was there.
    fn take(&mut self, code: &dyn AppCode, pc: AppPc, wanted: usize) {
        self.wanted = wanted;
        self.len = code.read(pc, &mut self.bytes[..wanted]);
    }

    /// Whether there may be code behind it that a block could go on with.
    fn ends_early(&self) -> bool {
        self.len == self.wanted && self.wanted < SNAPSHOT_BYTES
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A block of which only its bytes are known yet.
fn as_written(app: AppRange, unit: UnitRef, emitted: &Emitted, place: Place) -> ExecBlock {
    ExecBlock {
        app,
        insns: 0,
        tag: 0,
        unit,
        hot: place.hot,
        hot_bytes: emitted.hot_bytes as u16,
        body: emitted.body.at(place.hot),
        cold: place.cold,
        cold_bytes: emitted.cold_bytes as u16,
        inline_landing: None,
        landings: [CachePc::new(0); 2],
        chain: [ChainLink::default(); 2],
        probe_end: emitted.probe_end.map_or(0, |at| at.get() as u16),
        state: BlockState::Live,
        fused_to: None,
        first_exit: None,
        incoming: None,
        first_record: 0,
        record_count: 0,
        on_page: [PageLinks::default(); 2],
    }
}

impl<A: Allocator + Clone> CodeCache<A> {
    /// Builds a block for the code at `pc`, to be entered through `landing` first (if any).
    ///
    /// # Errors
    /// [`BuildError::Full`] when a unit must be evicted first; other errors are final. The cache is as
    /// before.
    pub fn build(
        &mut self,
        pc: AppPc,
        order: Order,
        code: &dyn AppCode,
        transform: &mut dyn Transform,
    ) -> Result<BlockId, BuildError> {
        let region = self.region_for(pc)?;
        let unit = self.unit_with_room(region)?;
        let mut limit = self.parts.config.block_limit.min(order.limit).max(1);
        self.take(code, pc, limit, order.care);
        loop {
            let tag = transform.block(&mut self.workbench.draft);
            match self.emit(region, unit, pc, order) {
                Ok((emitted, place)) => return Ok(self.commit(region, unit, tag, order, &emitted, place)),
                Err(error) if !error.is_size() || limit <= 1 => return Err(error),
                Err(_) => limit = (self.workbench.draft.len().min(limit) / 2).max(1),
            }
            self.read(pc, limit, order.care);
        }
    }

    /// Copies the code at `pc` and reads it.
    fn take(&mut self, code: &dyn AppCode, pc: AppPc, limit: usize, care: Care) {
        self.workbench.snapshot.take(code, pc, FIRST_BYTES);
        self.read(pc, limit, care);
        if self.workbench.draft.end() == End::Unreadable && self.workbench.snapshot.ends_early() {
            self.workbench.snapshot.take(code, pc, SNAPSHOT_BYTES);
            self.read(pc, limit, care);
        }
    }

    fn read(&mut self, pc: AppPc, limit: usize, care: Care) {
        let Self { workbench, scanner, parts, .. } = self;
        let Workbench { draft, snapshot, .. } = &mut **workbench;
        draft.read_until(snapshot.bytes(), pc, limit, |insn| {
            let writes = care == Care::Check && scanner.effects(insn).memory.writes();
            match writes {
                _ if parts.env.emulates(insn) => Stop::Transfer,
                true => Stop::Yes,
                false => Stop::No,
            }
        });
    }

    fn emit(
        &mut self,
        region: RegionId,
        unit: usize,
        pc: AppPc,
        order: Order,
    ) -> Result<(Emitted, Place), BuildError> {
        // A block with a landing in front does not start with its own code.
        let follows = order.follows.filter(|_| order.landing.is_none());
        let fused = follows.and_then(|exit| self.tail_at_end(region, unit, exit, pc));
        let unit = self.regions.get_mut(region).and_then(|region| region.unit(unit));
        let unit = unit.ok_or(BuildError::NoMemory)?;
        let next = |slab, align| unit.next(slab, align).map_err(|_| BuildError::NoMemory);
        let end = next(Slab::Hot, 1)?;
        let (cold, data) = (next(Slab::Cold, 1)?, next(Slab::Data, 8)?.get());
        let place = Place { hot: fused.unwrap_or(end), cold, data };
        let bench = &mut *self.workbench;
        let buffers = (&mut bench.hot[..], &mut bench.cold[..]);
        let mut emitter =
            Emitter::new(self.parts.env, place, pc, buffers, (&mut bench.records, &mut bench.exits));
        Ok((emitter.block(&bench.draft, order, bench.snapshot.bytes())?, place))
    }

    /// Places what [`Self::emit`] wrote and makes it known. Nothing here can fail: there is room.
    fn commit(
        &mut self,
        region: RegionId,
        unit: usize,
        tag: u32,
        order: Order,
        emitted: &Emitted,
        place: Place,
    ) -> BlockId {
        let id = BlockId::from_number(self.blocks.next_number());
        let fused_to = order.follows.and_then(|exit| self.take_place_of(region, unit, exit, place.hot));
        let first_exit = self.number_exits(id, place.cold);
        let unit = self.write(region, unit, emitted);
        let (first_record, record_count) = self.keep_records(unit);
        let draft = &self.workbench.draft;
        let (app, insns) = (draft.range(), draft.len() as u16);
        let written = as_written(app, unit, emitted, place);
        let inline_landing = order.landing;
        let block = ExecBlock {
            insns,
            tag,
            inline_landing,
            fused_to,
            first_exit,
            first_record,
            record_count,
            ..written
        };
        self.blocks.insert(block);
        self.place(unit, id, &block);
        self.publish(id, order.landing.map(|landing| (landing, place.hot, CachePc::new(place.data))));
        if let Some(exit) = order.follows.filter(|_| fused_to.is_some()) {
            self.attach(exit, id);
        }
        self.link_known(id);
        self.count(app, emitted);
        id
    }

    fn count(&mut self, app: AppRange, emitted: &Emitted) {
        self.stats.blocks += 1;
        self.stats.app_bytes += app.len();
        self.stats.cache_bytes += u64::from(emitted.hot_bytes + emitted.cold_bytes);
        self.stats.far_operands += u64::from(emitted.far_operands);
    }

    /// Copies the code and the constants into the unit.
    fn write(&mut self, region: RegionId, unit: usize, emitted: &Emitted) -> UnitRef {
        let bench = &self.workbench;
        let target = self.regions.get_mut(region).expect("emit used this region");
        let mut room = target.unit(unit).expect("emit used this unit");
        let id = room.id();
        let mut hot = room.alloc_hot(emitted.hot_bytes.into(), 1).expect("checked by has_room");
        let mut cold = room.alloc_cold(emitted.cold_bytes.into(), 1).expect("checked by has_room");
        let words = &emitted.constants[..emitted.constant_count];
        let data = room.alloc_data(words.len() as u64 * 8, 8).expect("checked by has_room");
        for (index, word) in words.iter().enumerate() {
            crate::constants::store(&data, index, *word);
        }
        target.write(&mut hot, &bench.hot[..emitted.hot_bytes as usize]).expect("the span was just taken");
        target.write(&mut cold, &bench.cold[..emitted.cold_bytes as usize]).expect("the span was just taken");
        let _ = (hot.publish(), cold.publish());
        UnitRef { region, unit: id }
    }

    pub(super) fn keep_records(&mut self, unit: UnitRef) -> (u32, u16) {
        let index = self.unit_index(unit);
        let kept = &mut self.units[index].records;
        let first = kept.len() as u32;
        let new = self.workbench.records.as_slice();
        kept.extend_from_slice(new);
        (first, new.len() as u16)
    }

    fn place(&mut self, unit: UnitRef, id: BlockId, block: &ExecBlock) {
        let hot = Placement {
            start: block.hot,
            bytes: block.hot_bytes,
            block: id,
            what: Placed::Block,
            first_record: block.first_record,
            record_count: block.record_count,
        };
        let index = self.unit_index(unit);
        self.units[index].hot.push(hot);
        if block.cold_bytes > 0 {
            self.units[index].cold.push(Placement { start: block.cold, bytes: block.cold_bytes, ..hot });
        }
    }

    /// Gives the exits their numbers, which the stubs tell the gate; answers the first.
    fn number_exits(&mut self, block: BlockId, cold: CachePc) -> Option<ExitId> {
        let (mut first, mut last): (Option<ExitId>, Option<ExitId>) = (None, None);
        for index in 0..self.workbench.exits.len() {
            let Some(plan) = self.workbench.exits.get(index) else { continue };
            let id = ExitId::from_number(self.exits.insert(Exit::planned(block, &plan)));
            let at = (plan.stub.get() - cold.get()) as usize + STUB_NUMBER_AT as usize;
            self.workbench.cold[at..at + 4].copy_from_slice(&id.get().to_le_bytes());
            if let Some(before) = last.and_then(|last| self.exits.get_mut(last.index())) {
                before.next_in_block = Some(id);
            }
            first = first.or(Some(id));
            last = Some(id);
        }
        first
    }

    /// Links the exits that lead to blocks there are already.
    fn link_known(&mut self, id: BlockId) {
        if self.parts.config.trust != Some(0) {
            return;
        }
        let mut next = self.block(id).and_then(|block| block.first_exit);
        while let Some(exit) = next {
            let Some(known) = self.exit(exit) else { return };
            next = known.next_in_block;
            if known.kind == ExitKind::Direct
                && let Some(to) = self.lookup(known.target)
            {
                self.link(exit, to);
            }
        }
    }

    /// Lets the block be found.
    fn publish(&mut self, id: BlockId, landing: Option<(Landing, CachePc, CachePc)>) {
        let Some(start) = self.block(id).map(|block| block.app.start()) else { return };
        self.index.insert(start, id);
        self.join_pages(id);
        if let Some((landing, at, word)) = landing {
            self.stats.landings += 1;
            self.set_landing(id, landing, at, word);
        }
        if let Some(block) = self.blocks.get(id.index()) {
            self.parts.observer.built(id, block);
        }
    }

    /// Gives the block a landing, whose word is at `word`, and lets it be found.
    pub(super) fn set_landing(&mut self, id: BlockId, landing: Landing, at: CachePc, word: CachePc) {
        let Some(block) = self.blocks.get_mut(id.index()) else { return };
        block.landings[landing as usize] = at;
        block.chain[landing as usize].word = word;
        self.list(id, landing);
    }
}
