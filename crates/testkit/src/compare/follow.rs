//! Cases in a thread that an engine follows.
//!
//! The same function runs a case natively and followed: the gate that loads the registers, the code, the handlers
//! of the signals it raises, all of it is rewritten, and the engine delivers the signals.
#![allow(unsafe_code, reason = "has its own thread followed")]

use midstride_addr::{AppPc, AppRange};
use midstride_block::{Config, Draft, Probe, Unobserved};
use midstride_engine::gate::EngineCode;
use midstride_engine::{CodeMap, Domain, Engine, Heap, HeapRef, Policy, ROOM_AT, Setup, Writes, unfollow_me};
use midstride_os::mem::Prot;
use midstride_os::{LINUX_PAGES, maps};

use super::bench::{Bench, Report, Verdict, judge, known, verdict};
use super::case::{Case, Fs};
use super::outcome::{End, Flags, Outcome};
use crate::Random;

/// How an engine rewrites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instrumentation {
    /// Not more than it must.
    None,
    /// It counts how often each block runs.
    Counts,
}

/// What decides about the blocks of an engine.
struct Tool {
    instrumentation: Instrumentation,
}

/// The counter, in the context's room.
const ROOM: usize = 64;

impl Policy for Tool {
    const DOMAIN: Domain = Domain::Threads;

    fn context_room(&self) -> usize {
        ROOM
    }

    fn transform(&self, draft: &mut Draft) -> u32 {
        if self.instrumentation == Instrumentation::Counts {
            draft.set_probe(0, Probe::Count { offset: ROOM_AT as i32 });
        }
        0
    }

    fn unknown_code(&self, code: &mut CodeMap, pc: AppPc) {
        // What cannot be read is not known either: control goes there natively.
        let _ = maps::for_each_mapping(&mut [0; 16384], |entry| {
            let range = AppRange::new(AppPc::new(entry.start), AppPc::new(entry.end));
            if entry.prot.contains(Prot::EXEC) && range.contains(pc) {
                code.insert(range, Writes::No);
            }
        });
    }
}

/// An engine and a machine that it follows.
pub(crate) struct Followed {
    pub(crate) bench: Bench,
    engine: &'static Engine<Tool>,
    flags: Flags,
    native: Vec<Outcome>,
    rewritten: Vec<Outcome>,
}

impl Followed {
    /// With a cache of this many hot bytes. The engine lives as long as the process.
    pub(crate) fn new(random: &mut Random, instrumentation: Instrumentation, hot_bytes: u64) -> Self {
        let mut bench = Bench::new(random, &[]);
        bench.machine.leave_bases_alone();
        let heap: &'static Heap = Box::leak(Box::new(Heap::new()));
        let setup = Setup {
            source: &LINUX_PAGES,
            heap: HeapRef(heap),
            config: Config { hot_bytes, units: 2, ..Config::default() },
            code: EngineCode::of_host().expect("XSAVE"),
            observer: &Unobserved,
        };
        let engine = setup.engine(Tool { instrumentation }).expect("an engine");
        let flags = match instrumentation {
            Instrumentation::None => Flags::Exact,
            Instrumentation::Counts => Flags::AtSites,
        };
        let (native, rewritten) = (Vec::new(), Vec::new());
        Self { bench, engine: Box::leak(Box::new(engine)), flags, native, rewritten }
    }

    /// Runs cases that were placed, each in a place of its own, natively and followed.
    pub(crate) fn compare(&mut self, cases: &[Case]) -> Vec<Verdict> {
        self.native.resize_with(cases.len(), Outcome::default);
        self.rewritten.resize_with(cases.len(), Outcome::default);
        let machine = &mut self.bench.machine;
        let fit = |case: &&Case| case.fs == Fs::Unused;
        for (case, outcome) in cases.iter().zip(&mut self.native).filter(|(case, _)| fit(case)) {
            machine.native(case, outcome);
        }
        self.engine.invalidate(machine.world.code_range());
        let blocks = self.engine.stats().blocks;
        // SAFETY: the tool changes nothing but its counter; nobody unmaps code that this thread runs.
        unsafe { self.engine.follow_me() }.expect("a thread that nobody follows");
        for (case, outcome) in cases.iter().zip(&mut self.rewritten).filter(|(case, _)| fit(case)) {
            machine.native(case, outcome);
        }
        unfollow_me();
        let built = self.engine.stats().blocks - blocks;
        assert!(built >= cases.iter().filter(fit).count() as u64, "only {built} blocks: it was not followed");
        (0..cases.len()).map(|n| self.verdict(&cases[n], n)).collect()
    }

    fn verdict(&self, case: &Case, n: usize) -> Verdict {
        let (native, rewritten) = (&self.native[n], &self.rewritten[n]);
        if case.fs == Fs::Used {
            return Verdict::Unfit;
        }
        if native.end == End::Stopped {
            return Verdict::Endless;
        }
        match judge(&self.bench.machine, case, self.flags, native, rewritten) {
            None => verdict(native),
            Some(difference) => match known(case, native, rewritten) {
                Some(limit) => Verdict::Known(limit),
                None => {
                    Verdict::Different(Box::new(Report::new(format!("{difference}\nfollowed\n{case:?}"))))
                }
            },
        }
    }
}
