//! Runs cases as they stand.
#![allow(unsafe_code, reason = "runs code that was made up")]

use midstride_control::{Left, Passage, PassagePace, Registers, Scope, Valid, XsaveFormat};
use midstride_frame::{GprFrame, rflags, xsave};
use midstride_os::signal::{SIGFPE, SIGILL, SIGTRAP};

use super::case::{Case, Fs, MAX_SITES};
use super::outcome::{End, Outcome};
use super::selectors::Selectors;
use super::vectors;
use super::watch::Watch;
use super::world::{CODE_BYTES, World};
use crate::Random;

/// Ways out in front of those of the sites: one for each door of a rewriter.
pub(crate) const DOORS: u32 = 8;

/// A thread's registers, and memory, for code to be run with.
pub(crate) struct Machine {
    passage: Passage,
    pub(crate) world: World,
    vectors: Vec<Vec<u8>>,
    watch: Watch,
    scope: Scope,
    /// Those of this thread, and those of the code that runs in it.
    selectors: [Selectors; 2],
}

/// Flags that a program can see, but for ID, which it alone can change.
pub(crate) const FLAGS: u64 = rflags::ARITHMETIC | rflags::DF | rflags::AC;

impl Machine {
    /// For the calling thread, with random vector states and memory.
    pub(crate) fn new(random: &mut Random) -> Self {
        let passage = Passage::new(DOORS + MAX_SITES).expect("a way into code");
        let watch = Watch::new(passage.stopper());
        let vectors = vectors::states(random, &passage.format(), passage.valid());
        let scope = if passage.has_bases() { Scope::All } else { Scope::Vectors };
        let selectors = [Selectors::now(); 2];
        let mut machine = Self { passage, world: World::new(random), vectors, watch, scope, selectors };
        machine.write_words();
        machine
    }

    /// Leaves the bases of FS and GS alone from now on: who follows this thread needs GS.
    pub(crate) fn leave_bases_alone(&mut self) {
        self.scope = Scope::Vectors;
        self.write_words();
    }

    /// Whether cases can have a base of FS, and rewritten code one of GS.
    pub(crate) fn has_bases(&self) -> bool {
        self.scope == Scope::All
    }

    pub(crate) fn format(&self) -> XsaveFormat {
        self.passage.format()
    }

    pub(crate) fn valid(&self) -> Valid {
        self.passage.valid()
    }

    /// The way out of this number.
    pub(crate) fn way_out(&self, number: u32) -> u64 {
        self.passage.exit(self.scope, number).get()
    }

    /// Whether an address is the way out of a site.
    pub(crate) fn is_way_out(&self, pc: u64) -> bool {
        (DOORS..DOORS + MAX_SITES).any(|number| self.way_out(number) == pc)
    }

    /// How many vector states there are to start with.
    pub(crate) fn states(&self) -> usize {
        self.vectors.len()
    }

    /// The base of FS that cases start with.
    pub(crate) const FS_BASE: u64 = 0x1000;

    /// Writes the code of a case, and at each site a jump out of it.
    pub(crate) fn place(&mut self, case: &Case) {
        for piece in &case.pieces {
            self.world.place(piece.start, &piece.bytes);
        }
        for (number, site) in (DOORS..).zip(&case.sites) {
            let code = self.site(*site, number);
            self.world.place(*site, &code);
        }
    }

    /// `jmp [rip + displacement]`, by a word behind all code: aligned, for code that asks for that.
    fn site(&self, site: u64, number: u32) -> [u8; SITE_BYTES as usize] {
        let displacement = self.word_of(number).wrapping_sub(site + SITE_BYTES) as u32;
        let mut bytes = [0xff, 0x25, 0, 0, 0, 0];
        bytes[2..].copy_from_slice(&displacement.to_le_bytes());
        bytes
    }

    /// Where the address of a way out stands.
    fn word_of(&self, number: u32) -> u64 {
        self.world.code + CODE_BYTES - WORDS_BYTES + u64::from(number) * 8
    }

    /// Writes the addresses of the ways out.
    fn write_words(&mut self) {
        for number in 0..DOORS + MAX_SITES {
            let (at, word) = (self.word_of(number), self.way_out(number));
            self.world.place(at, &word.to_le_bytes());
        }
    }

    /// Lets memory and registers be as the case wants them at its start.
    pub(crate) fn prepare(&mut self, case: &Case) {
        self.world.restore();
        case.pokes.iter().for_each(|(address, word)| self.world.poke(*address, *word));
        let (format, valid) = (self.format(), self.valid());
        self.selectors[1] = self.selectors[0];
        let view = self.passage.view();
        *view.gpr = case.gpr;
        *view.fs_base = if case.fs == Fs::Used { Self::FS_BASE } else { 0 };
        *view.gs_base = 0;
        let state = &self.vectors[case.vectors % self.vectors.len()];
        view.area[..state.len()].copy_from_slice(state);
        if let Some((number, vector)) = case.vector {
            let mut registers = Registers::new(valid);
            format.read(view.area, &mut registers);
            registers.vector[usize::from(number)] = vector;
            format.write(&registers, view.area);
        }
    }

    /// Enters code at `pc`, with GS based at `gs`.
    pub(crate) fn enter(&mut self, pc: u64, gs: u64, pace: PassagePace) -> Left {
        let [own, program] = self.selectors;
        if program != own {
            program.load();
        }
        let view = self.passage.view();
        (view.gpr.rip, *view.gs_base) = (pc, gs);
        self.watch.begin();
        // SAFETY: code under test reaches its windows, which nobody else uses; whatever else it touches is not
        // mapped, or only by chance: 47 bits of address are a lot of room. The area is one that was saved, or
        // prepared from one.
        let left = unsafe { self.passage.run(self.scope, pace) };
        self.selectors[1] = Selectors::now();
        if self.selectors[1] != own {
            own.load();
        }
        self.watch.end();
        left
    }

    pub(crate) fn gpr(&mut self) -> &mut GprFrame {
        self.passage.view().gpr
    }

    /// Runs a case natively.
    pub(crate) fn native(&mut self, case: &Case, outcome: &mut Outcome) {
        self.prepare(case);
        let left = self.enter(case.gpr.rip, 0, PassagePace::Free);
        let end = match left {
            Left::By(number) => {
                self.gpr().rip = case.sites[(number - DOORS) as usize];
                End::Left
            }
            Left::Signal { number, code, address } => self.signal(number, code, address),
            Left::Stopped => End::Stopped,
        };
        self.save(end, outcome);
    }

    /// A signal that met the code at rip.
    pub(crate) fn signal(&mut self, number: i32, code: i32, address: u64) -> End {
        // Of these the address is that of the instruction.
        let own = matches!(number, SIGILL | SIGFPE | SIGTRAP) && address == self.gpr().rip;
        End::Signal { number, code, address: if own { 0 } else { address } }
    }

    /// Keeps the state.
    pub(crate) fn save(&mut self, end: End, outcome: &mut Outcome) {
        outcome.end = end;
        self.save_registers(outcome);
        self.world.save(&mut outcome.memory);
    }

    /// Keeps the registers.
    pub(crate) fn save_registers(&mut self, outcome: &mut Outcome) {
        let view = self.passage.view();
        outcome.gpr = *view.gpr;
        outcome.fs_base = *view.fs_base;
        outcome.selectors = self.selectors[1];
        outcome.area.clear();
        outcome.area.extend_from_slice(view.area);
        // What is in its initial state has stale bytes.
        debug_assert!(outcome.area.len() >= (xsave::LEGACY_BYTES + xsave::HEADER_BYTES) as usize);
    }

    /// The places for code, this many bytes each.
    pub(crate) fn slots(&self, bytes: u64) -> impl Iterator<Item = u64> + use<> {
        let code = self.world.code;
        (0..(CODE_BYTES - WORDS_BYTES) / bytes).map(move |slot| code + slot * bytes)
    }
}

/// Bytes of a site.
pub(crate) const SITE_BYTES: u64 = 6;
/// Behind all code: the addresses of the ways out.
const WORDS_BYTES: u64 = 0x1000;
const _: () = assert!((DOORS + MAX_SITES) as u64 * 8 <= WORDS_BYTES);
