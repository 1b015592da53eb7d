//! Linking exits to blocks, and landings.

use allocator_api2::alloc::Allocator;
use midstride_addr::CachePc;
use midstride_asm::{Code, Mem, PatchKind, PatchSite, Writer};
use midstride_slab::{RegionId, Slab};

use super::{CodeCache, Placed, Placement, Ways};
use crate::emit::{BuildError, Landing, entered_record, landing_code};
use crate::exec_block::{BlockId, BlockState, ExecBlock, ExitId, UnitRef};
use crate::patch;

/// Bytes of `jmp [rip+0]` and the address behind it.
const THUNK_BYTES: usize = 16;
/// Bytes a landing takes at most.
const LANDING_BYTES: usize = 128;

impl<A: Allocator + Clone> CodeCache<A> {
    /// Lets `exit` lead to `block` without the gate, if the configuration trusts it by now. Does
    /// nothing for exits that cannot be linked, and for retired blocks, nor while the cache is disconnected.
    pub fn link(&mut self, exit: ExitId, block: BlockId) {
        if self.ways == Ways::ThroughGate {
            return;
        }
        let Some(from) = self.exit(exit).copied() else { return };
        let (Some(to), Some(source)) = (self.block(block), self.block(from.block)) else { return };
        let (body, near) = (to.body, source.unit);
        if to.state == BlockState::Retired || source.state == BlockState::Retired {
            return;
        }
        let Some(site) = from.site.filter(|_| from.linked.is_none()) else { return };
        if !self.is_trusted(exit) || self.lead(exit, &site, near, body).is_none() {
            return;
        }
        self.stats.links += 1;
        self.attach(exit, block);
        if let Some(to) = self.block(block) {
            self.parts.observer.linked(&from, to);
        }
    }

    /// Patches the site of an exit of a block in `near` to lead to `body`: by no jump, by one, or by way of a word;
    /// `None` when it cannot.
    fn lead(&mut self, exit: ExitId, site: &PatchSite, near: UnitRef, body: CachePc) -> Option<()> {
        let region = self.regions.get(near.region)?;
        if site.kind() == PatchKind::JmpNop && site.end() == body {
            patch::remove(region, site).ok()?;
            self.stats.fall_throughs += 1;
        } else if patch::redirect(region, site, body).is_err() {
            let thunk = self.thunk(exit, near, body)?;
            patch::redirect(self.regions.get(near.region)?, site, thunk).ok()?;
            self.stats.far_links += 1;
        }
        Some(())
    }

    fn is_trusted(&mut self, exit: ExitId) -> bool {
        let Some(threshold) = self.parts.config.trust else { return false };
        let Some(exit) = self.exits.get_mut(exit.index()) else { return false };
        exit.visits = exit.visits.saturating_add(1);
        exit.visits > threshold
    }

    /// Enters the exit into the block's list of what leads to it.
    pub(super) fn attach(&mut self, exit: ExitId, block: BlockId) {
        let Some(to) = self.blocks.get_mut(block.index()) else { return };
        let head = to.incoming.replace(exit);
        if let Some(next) = head.and_then(|head| self.exits.get_mut(head.index())) {
            next.previous_incoming = Some(exit);
        }
        if let Some(from) = self.exits.get_mut(exit.index()) {
            from.linked = Some(block);
            from.next_incoming = head;
            from.previous_incoming = None;
        }
    }

    /// Lets `exit` lead to its stub again.
    pub fn unlink(&mut self, exit: ExitId) {
        let Some(from) = self.exit(exit).copied() else { return };
        let Some(block) = from.linked else { return };
        let source = self.block(from.block).map(|source| source.unit.region);
        if let (Some(region), Some(site)) = (source.and_then(|id| self.regions.get(id)), from.site) {
            patch::redirect(region, &site, from.stub).expect("a stub lies in its block's region");
        }
        self.detach(exit, block);
        self.stats.unlinks += 1;
    }

    fn detach(&mut self, exit: ExitId, block: BlockId) {
        let Some(from) = self.exits.get_mut(exit.index()) else { return };
        let (next, previous) = (from.next_incoming.take(), from.previous_incoming.take());
        from.linked = None;
        match previous.and_then(|previous| self.exits.get_mut(previous.index())) {
            Some(previous) => previous.next_incoming = next,
            None => {
                if let Some(to) = self.blocks.get_mut(block.index()) {
                    to.incoming = next;
                }
            }
        }
        if let Some(next) = next.and_then(|next| self.exits.get_mut(next.index())) {
            next.previous_incoming = previous;
        }
    }

    /// A far link: a jump through a word, in the source's own region.
    fn thunk(&mut self, exit: ExitId, near: UnitRef, to: CachePc) -> Option<CachePc> {
        let unit = self.active[near.region.get()];
        let region = self.regions.get_mut(near.region)?;
        let mut room = region.unit(unit)?;
        let id = room.id();
        let mut span = room.alloc_cold(THUNK_BYTES as u64, 8).ok()?;
        let start = span.exec().start();
        let mut buffer = [0; 32];
        let mut w = Writer::new(&mut buffer, start);
        w.jmp_m(Mem::rip(start.get() + 8));
        w.nop(2);
        w.u64(to.get());
        let code = w.finish().ok()?;
        region.write(&mut span, code.bytes()).ok()?;
        let _ = span.publish();
        let block = self.exit(exit)?.block;
        let what = Placed::Thunk(exit);
        let placement =
            Placement { start, bytes: THUNK_BYTES as u16, block, what, first_record: 0, record_count: 0 };
        let index = self.unit_index(UnitRef { region: near.region, unit: id });
        self.units[index].cold.push(placement);
        Some(start)
    }

    /// Sees to it that indirect branches to `block` find it: its landing is in the table afterwards, unless
    /// the cache is disconnected.
    ///
    /// # Errors
    /// [`BuildError::Full`] when there is no room for a landing; the gate serves such branches.
    pub fn ensure_landing(&mut self, id: BlockId, landing: Landing) -> Result<CachePc, BuildError> {
        let block = *self.block(id).ok_or(BuildError::NoMemory)?;
        let at = block.landings[landing as usize];
        if at.get() != 0 {
            self.stats.landings_found += 1;
            self.list(id, landing);
            return Ok(at);
        }
        let unit = self.unit_with_room(block.unit.region)?;
        let (at, word) = self.place_landing(id, landing, unit)?;
        self.stats.extra_landings += 1;
        self.set_landing(id, landing, at, word);
        Ok(at)
    }

    fn place_landing(
        &mut self,
        id: BlockId,
        landing: Landing,
        unit: usize,
    ) -> Result<(CachePc, CachePc), BuildError> {
        let block = *self.block(id).ok_or(BuildError::NoMemory)?;
        let in_region = block.unit.region;
        let region = self.regions.get_mut(in_region).ok_or(BuildError::NoMemory)?;
        let mut room = region.unit(unit).ok_or(BuildError::NoMemory)?;
        let start = room.next(Slab::Hot, 1).map_err(|_| BuildError::NoMemory)?;
        let word = room.alloc_data(8, 8).map_err(|_| BuildError::NoMemory)?.range().start();
        let mut buffer = [0; LANDING_BYTES];
        let code = self.landing_into(Writer::new(&mut buffer, start), &block, landing, word)?;
        let bytes = code.bytes().len() as u16;
        let unit = self.write_hot(in_region, unit, code.bytes())?;
        let (first_record, record_count) = self.keep_records(unit);
        let what = Placed::Landing(landing);
        let placement = Placement { start, bytes, block: id, what, first_record, record_count };
        let index = self.unit_index(unit);
        self.units[index].hot.push(placement);
        Ok((start, word))
    }

    /// Writes a landing that goes on through `word` when it compares in vain; its records are in the workbench.
    fn landing_into<'b>(
        &mut self,
        mut w: Writer<'b>,
        block: &ExecBlock,
        landing: Landing,
        word: CachePc,
    ) -> Result<Code<'b>, BuildError> {
        let records = &mut self.workbench.records;
        records.clear();
        let next = Mem::rip(word.get());
        let record = |record| records.push(record);
        landing_code(&mut w, &self.parts.env, landing, block.app.start(), next, record);
        self.workbench.records.push(entered_record(w.offset()));
        w.jmp_to(block.body);
        Ok(w.finish()?)
    }

    /// Places hot code at the end of a unit.
    fn write_hot(&mut self, region: RegionId, unit: usize, code: &[u8]) -> Result<UnitRef, BuildError> {
        let target = self.regions.get_mut(region).ok_or(BuildError::NoMemory)?;
        let mut room = target.unit(unit).ok_or(BuildError::NoMemory)?;
        let id = room.id();
        let mut span = room.alloc_hot(code.len() as u64, 1).map_err(|_| BuildError::NoMemory)?;
        target.write(&mut span, code).expect("the span was just taken");
        let _ = span.publish();
        Ok(UnitRef { region, unit: id })
    }
}
