//! From a cache pc back to the program.

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec;
use midstride_addr::{AppPc, CachePc};
use midstride_asm::Gpr;
use midstride_slab::Slab;

use super::{CodeCache, Placed, Placement, UnitState};
use crate::exec_block::{BlockId, ExecBlock, UnitRef};
use crate::exit::{ExitKind, STUB_BYTES};
use crate::record::{PcSource, Restore, Translation, translate};

/// What a cache pc is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The block it belongs to.
    pub block: BlockId,
    /// What it means.
    pub translation: Translation,
    /// Whether the instruction there is under way.
    pub phase: Phase,
    /// Bytes from the block's first hot byte, when it lies in its hot code.
    pub hot_offset: Option<u16>,
}

/// Where control is with respect to the program's instructions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u64)]
pub enum Phase {
    /// In what stands for the instruction at the pc.
    #[default]
    Inside,
    /// Behind an instruction, on the way to that at the pc.
    Between,
}

impl<A: Allocator + Clone> CodeCache<A> {
    /// What `pc` means in the program's terms; `None` when no code lies there.
    ///
    /// Defined for every byte at which an instruction of the cache starts (invariant 3).
    #[must_use]
    pub fn find(&self, pc: CachePc) -> Option<Found> {
        let (region, unit, slab) = self.regions.locate(pc)?;
        let state = self.units.get(self.unit_index(UnitRef { region, unit }))?;
        let placement = match slab {
            Slab::Hot => placed(&state.hot, pc)?,
            Slab::Cold => placed(&state.cold, pc)?,
            Slab::Data => return None,
        };
        let offset = (pc.get() - placement.start.get()) as u16;
        let block = self.block(placement.block)?;
        let (translation, phase) = match (slab, placement.what) {
            (Slab::Cold, Placed::Block) => self.stub_translation(block, offset)?,
            (_, Placed::Thunk(exit)) => (known(self.exit(exit)?.target), Phase::Between),
            _ => phased(translate(records_of(state, placement), block.app.start(), offset)?),
        };
        let translation = Translation { pc: self.resolve(block, translation.pc)?, ..translation };
        let hot_offset = (slab == Slab::Hot && placement.what == Placed::Block).then_some(offset);
        Some(Found { block: placement.block, translation, phase, hot_offset })
    }

    /// Stubs lie one behind the other and have one size.
    fn stub_translation(&self, block: &ExecBlock, offset: u16) -> Option<(Translation, Phase)> {
        let exit = self.exits_of(block).nth((u32::from(offset) / STUB_BYTES) as usize)?;
        let exit = self.exit(exit)?;
        let phase = if exit.kind == ExitKind::Direct { Phase::Between } else { Phase::Inside };
        Some((known(exit.at), phase))
    }

    fn resolve(&self, block: &ExecBlock, pc: PcSource) -> Option<PcSource> {
        let PcSource::Exit(number) = pc else { return Some(pc) };
        let exit = self.exits_of(block).nth(usize::from(number))?;
        Some(PcSource::Known(self.exit(exit)?.target))
    }

    /// The block's exits in the order in which they were written.
    pub(super) fn exits_of(&self, block: &ExecBlock) -> impl Iterator<Item = crate::ExitId> + '_ {
        core::iter::successors(block.first_exit, |&id| self.exit(id)?.next_in_block)
    }
}

fn known(pc: AppPc) -> Translation {
    Translation { pc: PcSource::Known(pc), restore: Restore::NONE, borrowed: Gpr::Rax }
}

/// A pc that is a branch's target is that of an instruction not yet begun.
fn phased(translation: Translation) -> (Translation, Phase) {
    let inside = matches!(translation.pc, PcSource::Known(_));
    (translation, if inside { Phase::Inside } else { Phase::Between })
}

fn records_of<'u, A: Allocator>(
    unit: &'u UnitState<A>,
    placement: &Placement,
) -> &'u [crate::record::Record] {
    let first = placement.first_record as usize;
    unit.records.get(first..first + usize::from(placement.record_count)).unwrap_or(&[])
}

/// The placement that holds `pc`.
fn placed<A: Allocator>(all: &Vec<Placement, A>, pc: CachePc) -> Option<&Placement> {
    let above = all.partition_point(|placement| placement.start <= pc);
    let placement = all.get(above.checked_sub(1)?)?;
    (pc.get() - placement.start.get() < u64::from(placement.bytes)).then_some(placement)
}
