//! Turns a draft into code: one emitter for one block.
//!
//! ```text
//! hot   | landing (if any) | instructions … | exit sequence |
//! cold  | exit stub | exit stub | … |
//! ```

mod branch;
mod check;
mod landing;
mod probe;

use probe::Hoisted;

use midstride_addr::{AppPc, CachePc, CodeOffset};
use midstride_asm::{EmitError, Gpr, Mem, PatchSite, Writer};
use midstride_relocate::{GprSet, Insn, RelocateError, Relocated, Saved, Spill, relocate_copyable};
use midstride_slab::RegionId;

use crate::draft::{Draft, End, Step};
use crate::exec_block::ExitId;
use crate::exit::{ExitKind, ExitPlan, Exits};
use crate::record::{Record, RecordBuf, Restore, Where};
use crate::slots::{Door, Doors, Slot, SlotBase};

pub use landing::Landing;
pub(crate) use landing::{entered_record, landing_code};

/// What all blocks of an engine have in common.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// How slots are addressed.
    pub slots: SlotBase,
    /// Gate doors and target tables.
    pub doors: Doors,
    /// How landings compare.
    pub rotate: Rotate,
    /// What becomes of transactions.
    pub transactions: Transactions,
}

impl Env {
    /// Whether the engine carries out an instruction that falls through: GS is not the program's.
    pub(crate) fn emulates(&self, insn: &Insn) -> bool {
        self.slots == SlotBase::Gs && insn.gs_use().is_some()
    }

    /// What is copied in place of an instruction with an operand in GS: to the program its base is 0.
    pub(crate) fn without_gs(&self, insn: &Insn) -> Option<Insn> {
        if self.slots == SlotBase::Gs { insn.without_gs() } else { None }
    }
}

/// What `xbegin` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transactions {
    /// The processor has them: each aborts at once, which is allowed at any time.
    Abort,
    /// It has not: the instruction is undefined.
    Undefined,
}

/// Whether the processor can rotate without touching flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotate {
    /// It has BMI2 (`rorx`).
    Rorx,
    /// It has not: landings borrow a second register.
    None,
}

/// Where the pieces of the block under construction will lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its first hot byte.
    pub(crate) hot: CachePc,
    /// Its first cold byte.
    pub(crate) cold: CachePc,
    /// Data words it may use, 8-byte aligned: constants read by the code.
    pub(crate) data: u64,
}

/// How a block is to be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// The landing in front of it, when an indirect branch asks for it.
    pub landing: Option<Landing>,
    /// How many instructions it may have.
    pub limit: usize,
    /// Whether it looks out for changes of its program code.
    pub care: Care,
    /// The exit it is built for, when no other thread can be in the cache: if that exit's jump is the last thing
    /// written, the block takes its place. The two are then retired together.
    pub follows: Option<ExitId>,
}

/// Whether a block looks out for changes of its program code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    /// Whoever builds it retires it in time.
    Trust,
    /// It compares the program's bytes with those it was built from each time it is entered, and ends behind the
    /// first instruction that writes memory, so that what it changes is compared again.
    Check,
}

/// Why a block could not be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A code buffer or field did not suffice; a shorter block may do.
    Emit(EmitError),
    /// An instruction cannot be copied there.
    Relocate(RelocateError),
    /// The block needs more records, exits or constants than one may have; a shorter one may do.
    TooBig,
    /// There is no executable memory left near the program's code.
    NoMemory,
    /// The region's next unit has to be retired and freed first.
    Full {
        /// Which region.
        region: RegionId,
    },
}

impl BuildError {
    /// Whether a shorter block might be built.
    pub(crate) fn is_size(self) -> bool {
        matches!(self, Self::TooBig | Self::Emit(_) | Self::Relocate(RelocateError::Emit(_)))
    }
}

impl From<EmitError> for BuildError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}

impl From<RelocateError> for BuildError {
    fn from(error: RelocateError) -> Self {
        Self::Relocate(error)
    }
}

impl core::fmt::Display for BuildError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Emit(error) => write!(f, "cannot write the block: {error}"),
            Self::Relocate(error) => write!(f, "cannot copy an instruction: {error}"),
            Self::TooBig => f.write_str("the block is too big"),
            Self::Full { region } => write!(f, "region {} of the code cache is full", region.get()),
            Self::NoMemory => f.write_str("no executable memory is left within reach of the program's code"),
        }
    }
}

impl core::error::Error for BuildError {}

/// How many constants (return addresses) a block can have.
pub(crate) const MAX_CONSTANTS: usize = 4;

/// A block being written.
pub(crate) struct Emitter<'w, 'b> {
    env: Env,
    place: Place,
    app: AppPc,
    hot: Writer<'b>,
    cold: Writer<'b>,
    records: &'w mut RecordBuf,
    exits: &'w mut Exits,
    constants: [u64; MAX_CONSTANTS],
    constant_count: usize,
    probe_end: Option<CodeOffset>,
    far_operands: u32,
}

/// What was written.
pub(crate) struct Emitted {
    pub(crate) hot_bytes: u32,
    pub(crate) cold_bytes: u32,
    /// From the first hot byte to where direct exits of other blocks enter.
    pub(crate) body: CodeOffset,
    pub(crate) constants: [u64; MAX_CONSTANTS],
    pub(crate) constant_count: usize,
    /// Behind the counting probe, when there is one.
    pub(crate) probe_end: Option<CodeOffset>,
    pub(crate) far_operands: u32,
}

/// The scratch slot, for operands out of reach.
struct ScratchSlot(Mem);

impl Spill for ScratchSlot {
    fn slot(&self) -> Mem {
        self.0
    }
}

impl<'w, 'b> Emitter<'w, 'b> {
    pub(crate) fn new(
        env: Env,
        place: Place,
        app: AppPc,
        (hot, cold): (&'b mut [u8], &'b mut [u8]),
        (records, exits): (&'w mut RecordBuf, &'w mut Exits),
    ) -> Self {
        records.clear();
        exits.clear();
        Self {
            env,
            place,
            app,
            hot: Writer::new(hot, place.hot),
            cold: Writer::new(cold, place.cold),
            records,
            exits,
            constants: [0; MAX_CONSTANTS],
            constant_count: 0,
            probe_end: None,
            far_operands: 0,
        }
    }

    /// Writes the whole block.
    pub(crate) fn block(&mut self, draft: &Draft, order: Order, code: &[u8]) -> Result<Emitted, BuildError> {
        if let Some(landing) = order.landing {
            self.landing(landing)?;
        }
        let body = self.hot.offset();
        if order.care == Care::Check && !draft.is_empty() {
            self.check(code, draft)?;
        }
        let last = draft.len().saturating_sub(1);
        let mut count = Hoisted::of(draft);
        for (index, step) in draft.steps().enumerate() {
            if let Some(probe) = count.take_at(index).or(step.probe().filter(|probe| !probe.is_count())) {
                self.probe(probe, count.flags, self.app_offset(step.insn().pc()))?;
            }
            self.step(step, index == last && draft.end() == End::Transfer)?;
        }
        self.close(draft)?;
        self.finish(body)
    }

    fn step(&mut self, step: &Step, transfers: bool) -> Result<(), BuildError> {
        if !self.records.has_room() {
            return Err(BuildError::TooBig);
        }
        let app_offset = self.app_offset(step.insn().pc());
        match (step.is_kept(), transfers) {
            (true, true) => self.transfer(step.insn()),
            (true, false) => self.copy(step, app_offset),
            (false, true) => self.exit_jump(step.insn().next_pc()),
            (false, false) => Ok(()),
        }
    }

    /// Copies an instruction that falls through.
    fn copy(&mut self, step: &Step, app_offset: u16) -> Result<(), BuildError> {
        let start = self.hot.offset();
        // A dead register would do without saving, but a signal handler would see it changed; operands out
        // of reach are rare.
        let spill = ScratchSlot(self.env.slots.slot(Slot::Scratch));
        let plain = self.env.without_gs(step.insn());
        let original = plain.as_ref().unwrap_or(step.insn());
        let copied = relocate_copyable(original, &mut self.hot, &spill, GprSet::EMPTY)?;
        let Relocated::Scratch { reg, saved, insn, restore } = copied else {
            self.record(start, app_offset, Where::Linear);
            return Ok(());
        };
        self.far_operands += 1;
        let borrowed = if saved == Saved::Yes { Restore::SCRATCH } else { Restore::NONE };
        self.record(start, app_offset, Where::Fixed);
        self.record_with(insn, app_offset, Where::Fixed, borrowed, reg);
        let next = app_offset + step.insn().len() as u16;
        self.record_with(restore, next, Where::Fixed, borrowed, reg);
        Ok(())
    }

    /// Ends a block whose last instruction does not transfer control.
    fn close(&mut self, draft: &Draft) -> Result<(), BuildError> {
        match draft.end() {
            End::Transfer => Ok(()),
            End::Full => self.exit_jump(draft.range().end()),
            // Entering the program's own bytes makes the processor raise what it raises there, at
            // the program's address. A block of its own, so that what comes before is still ours.
            End::Unreadable if draft.is_empty() => self.leave_for(draft.start()),
            End::Undecodable if draft.is_empty() => self.raise_undefined(),
            End::Unreadable | End::Undecodable => self.exit_jump(draft.range().end()),
        }
    }

    fn finish(&mut self, body: CodeOffset) -> Result<Emitted, BuildError> {
        Ok(Emitted {
            hot_bytes: self.hot.complete()?.get(),
            cold_bytes: self.cold.complete()?.get(),
            body,
            constants: self.constants,
            constant_count: self.constant_count,
            probe_end: self.probe_end,
            far_operands: self.far_operands,
        })
    }

    fn app_offset(&self, pc: AppPc) -> u16 {
        (pc.get() - self.app.get()) as u16
    }

    /// What is written from here on (or from `at`) means this.
    fn record(&mut self, at: CodeOffset, app_offset: u16, place: Where) {
        self.record_with(at, app_offset, place, Restore::NONE, Gpr::Rax);
    }

    fn record_with(
        &mut self,
        at: CodeOffset,
        app_offset: u16,
        place: Where,
        restore: Restore,
        borrowed: Gpr,
    ) {
        let cache_offset = at.get() as u16;
        self.records.push(Record { cache_offset, app_offset, at: place, restore, borrowed });
    }

    /// Like [`Self::record_with`] for what is written next.
    fn record_here(&mut self, app_offset: u16, place: Where, restore: Restore) {
        self.record_with(self.hot.offset(), app_offset, place, restore, Gpr::Rax);
    }

    /// The block's first data word, which its landing jumps through.
    fn own_word(&mut self) -> Result<Mem, BuildError> {
        debug_assert!(self.constant_count == 0, "a landing comes first");
        // Not a value any constant has: the cache fills it in.
        self.constant(0)
    }

    /// A read-only word near the code that holds `value`.
    fn constant(&mut self, value: u64) -> Result<Mem, BuildError> {
        let known =
            self.constants[..self.constant_count].iter().position(|&word| word == value && value != 0);
        let index = known.unwrap_or(self.constant_count);
        *self.constants.get_mut(index).ok_or(BuildError::TooBig)? = value;
        self.constant_count = self.constant_count.max(index + 1);
        Ok(Mem::rip(self.place.data + index as u64 * 8))
    }

    /// Writes the stub of an exit into the cold slab and notes the exit; the site is filled in later.
    fn stub(
        &mut self,
        door: Door,
        at: AppPc,
        target: AppPc,
        kind: ExitKind,
    ) -> Result<(CachePc, usize), BuildError> {
        let pc = self.cold.pc();
        let plan = ExitPlan { at, target, kind, stub: pc, site: None, tail: None };
        let index = self.exits.push(plan).ok_or(BuildError::TooBig)?;
        // The number of the exit is not known before the block is committed; it is written then.
        crate::exit::write_stub(&mut self.cold, &self.env, door, 0);
        Ok((pc, index))
    }

    fn set_site(&mut self, index: usize, site: PatchSite) {
        self.exits.set_site(index, site);
    }
}
