//! Behind every instruction of the cache, stubs and landings included, its translation is the native state.

use midstride_block::Door;

use super::bench::{Bench, Report};
use super::case::{Case, Unseen};
use super::machine::Machine;
use super::outcome::{End, Judge};
use super::rewriter::{Arrival, Known, Next, Rewriter};
use super::trace::{Stepped, Stop, Trace};
use super::walk::Walk;

/// Native instructions of a case at most.
const LIMIT: usize = 200;
/// Instructions of the cache at most.
const CACHE_LIMIT: usize = 2000;

/// What came of stepping through one case.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Instructions of the cache that were looked at.
    pub looked_at: u64,
    /// Cases that ended like the native run.
    pub ended: u64,
    /// Cases whose native run was cut off, or that jumped to an address that cannot be.
    pub cut_off: u64,
    /// Differences, up to a few.
    pub differences: Vec<Report>,
}

/// A case under way.
struct Under<'s> {
    machine: &'s mut Machine,
    rewriter: &'s mut Rewriter,
    case: &'s Case,
    looked_at: u64,
}

/// Where a rewritten run has ended.
enum Ended {
    /// For the native run's reason, or another.
    By(Stop),
    CutOff,
}

impl Bench {
    /// Steps through a case that was placed, natively, then through its rewritten code.
    pub(crate) fn step_through(&mut self, case: &Case, rewriter: usize, steps: &mut Steps) {
        let native = self.machine.trace(case, LIMIT);
        let (memory, ended) = (self.memory(), steps.ended);
        self.step_against(case, rewriter, &native, steps);
        if steps.ended > ended && self.memory() != memory {
            steps.differences.push(self.note(case, rewriter, "memory differs at the end"));
        }
    }

    fn memory(&self) -> Vec<u8> {
        let mut memory = Vec::new();
        self.machine.world.save(&mut memory);
        memory
    }

    /// Steps through the rewritten code of a case and compares it with `native`.
    pub(crate) fn step_against(&mut self, case: &Case, index: usize, native: &Trace, steps: &mut Steps) {
        let Self { machine, rewriters, .. } = self;
        let rewriter = &mut rewriters[index];
        let (format, valid) = (machine.format(), machine.valid());
        let judge = Judge { format, valid, flags: rewriter.flags(), unseen: Unseen::NOTHING, world: None };
        let mut walk = Walk::new(native, judge);
        let mut under = Under { machine, rewriter, case, looked_at: 0 };
        let ended = under.run(&mut walk);
        steps.looked_at += under.looked_at;
        match ended {
            Ok(Ended::CutOff) => steps.cut_off += 1,
            Ok(Ended::By(stop)) if stop == native.end && walk.is_over() => steps.ended += 1,
            Ok(Ended::By(stop)) => {
                let what = format!("it ends by {stop:x?} and not by {:x?}", native.end);
                steps.differences.push(self.note(case, index, &what));
            }
            Err(what) => steps.differences.push(self.note(case, index, &what)),
        }
    }

    fn note(&mut self, case: &Case, rewriter: usize, what: &str) -> Report {
        let rewriter = &mut self.rewriters[rewriter];
        let listing = rewriter.listing(case);
        Report::new(format!("{what}\n{case:?}\n{:?}\n{listing}", rewriter.rewriting))
    }
}

impl Under<'_> {
    fn run(&mut self, walk: &mut Walk<'_>) -> Result<Ended, String> {
        self.machine.prepare(self.case);
        let mut arrival = Arrival::Start;
        let mut pc = self.case.gpr.rip;
        loop {
            if self.machine.is_way_out(pc) {
                return self.end(walk, Stop::Left);
            }
            let entry = self.rewriter.entry(&self.machine.world, pc, arrival).ok_or("no block")?;
            match self.through_cache(walk, entry.get())? {
                Ok(Next::At(next, by)) => (pc, arrival) = (next, by),
                Ok(_) => return self.end(walk, Stop::Left),
                Err(ended) => return Ok(ended),
            }
            if walk.is_cut_off() || !is_canonical(pc) {
                return Ok(Ended::CutOff);
            }
            walk.leave();
        }
    }

    fn end(&mut self, walk: &Walk<'_>, stop: Stop) -> Result<Ended, String> {
        let state = self.machine.point();
        let known = stop == Stop::Left || walk.is_end(&state);
        if known { Ok(Ended::By(stop)) } else { Err("another state at the end".to_owned()) }
    }

    /// Steps from `pc` on until a door is reached; the state there is the program's.
    fn through_cache(&mut self, walk: &mut Walk<'_>, pc: u64) -> Result<Result<Next, Ended>, String> {
        let mut pc = pc;
        for _ in 0..CACHE_LIMIT {
            if let Some(door) = self.door_at(pc) {
                let next = self.rewriter.at_door(self.machine, door);
                if let Next::At(pc, _) = next {
                    self.machine.gpr().rip = pc;
                }
                if let Next::Resume(at) = next {
                    pc = at.get();
                    continue;
                }
                return self.look(walk).map(|()| Ok(next));
            }
            self.look_in_cache(walk, pc)?;
            if self.machine.is_way_out(pc) {
                return Ok(Ok(Next::At(pc, Arrival::Start)));
            }
            if walk.is_cut_off() {
                return Ok(Err(Ended::CutOff));
            }
            let stepped = self.machine.step(pc, self.rewriter.gs());
            pc = self.machine.gpr().rip;
            self.looked_at += 1;
            if let Stepped::Signal(end) = stepped {
                return self.signalled(walk, end).map(Err);
            }
        }
        Ok(Err(Ended::CutOff))
    }

    /// What the cache says of a place in it is the native state.
    fn look_in_cache(&mut self, walk: &mut Walk<'_>, pc: u64) -> Result<(), String> {
        let before = *self.machine.gpr();
        self.translated(pc)?;
        let looked = self.look(walk);
        *self.machine.gpr() = before;
        looked.map_err(|what| format!("in the cache at {pc:#x}: {what}"))
    }

    /// Lets the registers be those of the program.
    fn translated(&mut self, pc: u64) -> Result<(), String> {
        let below = self.machine.gpr().rsp.wrapping_sub(8);
        let below = self.machine.world.peek(below);
        match self.rewriter.translate(self.machine.gpr(), pc, below) {
            Known::Yes => Ok(()),
            // Code that cannot be read is entered at its own address.
            Known::No if !self.rewriter.is_cache(pc) => Ok(()),
            Known::No => Err(format!("the cache says nothing of {pc:#x}")),
        }
    }

    fn signalled(&mut self, walk: &mut Walk<'_>, end: End) -> Result<Ended, String> {
        let pc = self.machine.gpr().rip;
        self.translated(pc)?;
        let rip = self.machine.gpr().rip;
        if !is_canonical(rip) {
            return Ok(Ended::CutOff);
        }
        self.look(walk)?;
        self.end(walk, Stop::Signal(end))
    }

    fn look(&mut self, walk: &mut Walk<'_>) -> Result<(), String> {
        let state = self.machine.point();
        if walk.is_cut_off() || !is_canonical(state.gpr.rip) { Ok(()) } else { walk.step(&state) }
    }

    fn door_at(&self, pc: u64) -> Option<Door> {
        Door::ALL.into_iter().find(|door| self.machine.way_out(*door as u32) == pc)
    }
}

fn is_canonical(pc: u64) -> bool {
    pc.cast_signed() << 16 >> 16 == pc.cast_signed()
}
