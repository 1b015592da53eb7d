//! Runs cases rewritten: a code cache, and what an engine does behind its doors.

use allocator_api2::alloc::Global;
use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::Gpr;
use midstride_block::{
    BlockId, BlockState, BuildError, Care, CodeCache, Config, Door, Draft, Env, ExitId, ExitKind, Landing,
    Order, Parts, PcSource, Probe, Restore, Slot, SlotBase, Transactions, Transform, Translation, Unobserved,
    copy_code,
};
use midstride_control::{Left, PassagePace};
use midstride_frame::{GprFrame, Register};
use midstride_os::LINUX_PAGES;

use super::case::Case;
use super::low::Low;
use super::machine::{DOORS, Machine};
use super::outcome::{End, Flags, Outcome};
use super::rewriting::{Distance, Fuse, Landings, Rewriting, Slots};
use super::world::World;

/// Passages through doors in a run at most: cases are bounded, and this is more than any needs.
const DOORS_PASSED: u32 = 100_000;

/// Gives each block its probe.
struct Probing(Option<Probe>);

impl Transform for Probing {
    fn block(&mut self, draft: &mut Draft) -> u32 {
        if let Some(probe) = self.0 {
            draft.set_probe(draft.len() / 2, probe);
        }
        0
    }
}

/// A code cache and its thread context.
pub(crate) struct Rewriter {
    pub(crate) cache: CodeCache<Global>,
    pub(crate) rewriting: Rewriting,
    low: Low,
    epoch: u64,
}

/// What has to be done next.
pub(crate) enum Next {
    /// The program is at this address; an exit or a table leads there.
    At(u64, Arrival),
    /// The cache is entered here.
    Resume(CachePc),
    End(End),
}

/// How control comes to a block.
#[derive(Clone, Copy)]
pub(crate) enum Arrival {
    Exit(ExitId),
    Table(Landing),
    Start,
}

impl Rewriter {
    pub(crate) fn new(machine: &Machine, rewriting: Rewriting) -> Self {
        let low = Low::new();
        let slots = match rewriting.slots {
            Slots::Gs => SlotBase::Gs,
            Slots::Absolute => SlotBase::Absolute(low.context() as i32),
        };
        let rotate = rewriting.rotate;
        let transactions = Transactions::Undefined;
        let config = Config { hot_bytes: rewriting.hot_bytes, units: 2, trust: Some(0), ..Config::default() };
        let doors = Door::ALL.map(|door| machine.way_out(door as u32));
        let parts = Parts {
            env: Env { slots, doors: low.doors(), rotate, transactions },
            config,
            source: &LINUX_PAGES,
            alloc: Global,
            observer: &Unobserved,
        };
        let cache = CodeCache::new(parts, low.connect(doors, rotate));
        let mut rewriter = Self { cache, rewriting, low, epoch: 1 };
        if rewriting.distance == Distance::Far {
            rewriter.settle_elsewhere(&machine.world);
        }
        rewriter
    }

    /// Makes a region out of the program's reach the only one.
    fn settle_elsewhere(&mut self, world: &World) {
        let order = Order { landing: None, limit: 1, care: Care::Trust, follows: None };
        let built = self.cache.build(AppPc::new(world.elsewhere), order, &Return, &mut Probing(None));
        built.expect("there is room for one block");
        self.cache.seal();
    }

    /// Forgets all blocks of a piece of code.
    pub(crate) fn forget(&mut self, range: AppRange) {
        self.cache.invalidate(range);
    }

    /// Base of GS while the cache's code runs.
    pub(crate) fn gs(&self) -> u64 {
        if self.rewriting.slots == Slots::Gs { self.low.context() } else { 0 }
    }

    /// Which flags are the program's.
    pub(crate) fn flags(&self) -> Flags {
        match self.rewriting.probe {
            Some(Probe::Count { .. }) => Flags::AtSites,
            _ => Flags::Exact,
        }
    }

    /// Runs a case.
    pub(crate) fn run(&mut self, machine: &mut Machine, case: &Case, outcome: &mut Outcome) {
        machine.prepare(case);
        let mut next = Next::At(case.gpr.rip, Arrival::Start);
        let mut end = End::Stopped;
        for _ in 0..DOORS_PASSED {
            let entry = match next {
                Next::Resume(entry) => entry,
                Next::At(pc, arrival) => match self.arrive(machine, case, pc, arrival) {
                    Ok(entry) => entry,
                    Err(reached) => {
                        end = reached;
                        break;
                    }
                },
                Next::End(reached) => {
                    end = reached;
                    break;
                }
            };
            let left = machine.enter(entry.get(), self.gs(), PassagePace::Free);
            next = self.after(machine, case, left);
        }
        machine.save(end, outcome);
    }

    fn arrive(
        &mut self,
        machine: &mut Machine,
        case: &Case,
        pc: u64,
        arrival: Arrival,
    ) -> Result<CachePc, End> {
        machine.gpr().rip = pc;
        if case.site(pc).is_some() {
            return Err(End::Left);
        }
        self.entry(&machine.world, pc, arrival).ok_or(End::Unfit)
    }

    /// Where the block at `pc` is entered; it is built if there is none.
    pub(crate) fn entry(&mut self, world: &World, pc: u64, mut arrival: Arrival) -> Option<CachePc> {
        let pc = AppPc::new(pc);
        let id = match self.cache.lookup(pc) {
            Some(id) => id,
            None => self.build(world, pc, &mut arrival)?,
        };
        match arrival {
            // Without room for it this branch goes through the gate again.
            Arrival::Table(landing) if self.rewriting.landings == Landings::Used => {
                let _ = self.cache.ensure_landing(id, landing);
            }
            Arrival::Exit(exit) => self.cache.link(exit, id),
            _ => {}
        }
        Some(self.cache.block(id)?.body)
    }

    fn build(&mut self, world: &World, pc: AppPc, arrival: &mut Arrival) -> Option<BlockId> {
        let Rewriting { care, limit, probe, .. } = self.rewriting;
        loop {
            let (landing, follows) = self.entered_by(*arrival);
            let order = Order { landing, limit, care, follows };
            match self.cache.build(pc, order, world, &mut Probing(probe)) {
                Ok(id) => return Some(id),
                Err(BuildError::Full { region }) => {
                    self.epoch += 1;
                    self.cache.retire_next_unit(region, self.epoch);
                    // Nobody is in the cache now. The exit that led here may be gone.
                    self.cache.reclaim(self.epoch + 1);
                    *arrival = if landing.is_some() { *arrival } else { Arrival::Start };
                }
                Err(error) => panic!("no block at {pc}: {error}"),
            }
        }
    }

    /// The landing in front of a block that is built for an arrival, and the exit whose jump it may replace.
    fn entered_by(&self, arrival: Arrival) -> (Option<Landing>, Option<ExitId>) {
        match arrival {
            Arrival::Table(landing) if self.rewriting.landings == Landings::Used => (Some(landing), None),
            Arrival::Exit(exit) if self.rewriting.fuse == Fuse::Yes => (None, Some(exit)),
            _ => (None, None),
        }
    }

    /// What a run of cache code has come to.
    fn after(&mut self, machine: &mut Machine, case: &Case, left: Left) -> Next {
        match left {
            // A block read on into a site.
            Left::By(out @ DOORS..) => {
                machine.gpr().rip = case.sites[(out - DOORS) as usize];
                Next::End(End::Left)
            }
            Left::Stopped => Next::End(End::Stopped),
            Left::By(door) => self.at_door(machine, Door::ALL[door as usize]),
            Left::Signal { number, code, address } => {
                let end = machine.signal(number, code, address);
                let pc = machine.gpr().rip;
                let below = machine.gpr().rsp.wrapping_sub(8);
                let below = machine.world.peek(below);
                self.translate(machine.gpr(), pc, below);
                Next::End(end)
            }
        }
    }

    pub(crate) fn at_door(&mut self, machine: &mut Machine, door: Door) -> Next {
        let number = ExitId::from_number(self.low.slot(Slot::Exit) as u32);
        let exit = self.cache.exit(number).copied();
        match (door, exit) {
            (Door::Return, _) => {
                machine.gpr().rcx = self.low.slot(Slot::Rcx);
                let below = machine.gpr().rsp.wrapping_sub(8);
                let pc = machine.world.peek(below);
                pc.map_or(Next::End(End::Unfit), |pc| Next::At(pc, Arrival::Table(Landing::Return)))
            }
            (Door::Indirect, _) => {
                machine.gpr().rcx = self.low.slot(Slot::Rcx);
                Next::At(self.low.slot(Slot::Target), Arrival::Table(Landing::Indirect))
            }
            (Door::Direct, Some(exit)) => Next::At(exit.target.get(), Arrival::Exit(number)),
            (Door::Stale, Some(exit)) => {
                self.cache.retire(exit.block);
                Next::At(exit.target.get(), Arrival::Start)
            }
            (Door::Callout, Some(exit)) => match exit.kind {
                ExitKind::Callout { resume, .. } => Next::Resume(resume),
                _ => Next::End(End::Unfit),
            },
            (_, Some(exit)) => {
                machine.gpr().rip = exit.at.get();
                Next::End(End::Unfit)
            }
            (_, None) => Next::End(End::Unfit),
        }
    }

    /// Makes the program's registers of those found at a place of the cache.
    pub(crate) fn translate(&self, gpr: &mut GprFrame, pc: u64, below: Option<u64>) -> Known {
        let Some(found) = self.cache.find(CachePc::new(pc)) else { return Known::No };
        self.apply(gpr, &found.translation, below);
        Known::Yes
    }

    /// Whether an address lies in the cache.
    pub(crate) fn is_cache(&self, pc: u64) -> bool {
        self.cache.code_ranges().any(|range| range.contains(CachePc::new(pc)))
    }

    /// Takes registers from their slots and finds the pc, as an engine does for a signal.
    fn apply(&self, gpr: &mut GprFrame, translation: &Translation, below: Option<u64>) {
        let restored = [
            (Restore::R11, Gpr::R11, Slot::R11),
            (Restore::RCX, Gpr::Rcx, Slot::Rcx),
            (Restore::SCRATCH, translation.borrowed, Slot::Scratch),
            (Restore::PROBE, translation.borrowed, Slot::Probe),
        ];
        for (bit, reg, slot) in restored {
            let own = Register::gpr(reg.number()).and_then(|register| gpr.get_mut(register));
            if let Some(own) = own.filter(|_| translation.restore.has(bit)) {
                *own = self.low.slot(slot);
            }
        }
        gpr.rip = match translation.pc {
            PcSource::Known(pc) => pc.get(),
            PcSource::BelowStack => below.unwrap_or_default(),
            PcSource::TargetSlot => self.low.slot(Slot::Target),
            PcSource::Exit(number) => panic!("exit {number} was not resolved"),
        };
    }

    /// What the code of a case's blocks is, for messages.
    pub(crate) fn listing(&mut self, case: &Case) -> String {
        let mut text = String::new();
        for id in (0..self.cache.block_count() as u32).map(BlockId::from_number) {
            let live = self.cache.block(id).filter(|block| block.state == BlockState::Live);
            let Some(block) = live.filter(|block| case.contains(block.app.start())).copied() else {
                continue;
            };
            let mut code = vec![0; block.hot_bytes.into()];
            let mut regions = self.cache.regions_mut().iter();
            if regions.any(|(_, region)| region.read(block.hot, &mut code).is_ok()) {
                let listing = crate::Listing::new(&code).at(block.hot);
                text += &format!("block of {}, in the cache at {}\n{listing}", block.app.start(), block.hot);
            }
        }
        text
    }
}

/// Whether a place belongs to the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    Yes,
    No,
}

/// A program of one return.
struct Return;

impl midstride_block::AppCode for Return {
    fn read(&self, _: AppPc, code: &mut [u8]) -> usize {
        copy_code(&[0xc3], code)
    }
}
