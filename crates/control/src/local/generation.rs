//! One program in memory: its chains, its snippets, its map.

use core::mem::offset_of;

use midstride_addr::{AppRange, CachePc};
use midstride_asm::Writer;
use midstride_os::LINUX_PAGES;
use midstride_slab::{AllocError, PAGE_BYTES, Place, Region, Sizes, Slab};

use super::frame::{Frame, FrameRef, reason};
use super::gate::{Gate, Need};
use super::snippet::{self, Context, Kind, SNIPPET_BYTES, Snippet};
use crate::chain::{AssembleError, CodeMap, Destination, Exits, Placed, assemble};
use crate::cpu::Cpu;
use crate::error::LoadError;
use crate::history;
use crate::machine::Breaks;
use crate::point::CodePoint;
use crate::program::{InsnId, Node, Program};

/// Where control goes from an instruction: a node, or out.
pub(crate) const OUT: u32 = u32::MAX;

/// What the stepping loop knows of an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: InsnId,
    /// Address of the snippet, 0 while there is none.
    pub(crate) code: u64,
    /// The door that the snippet is entered by.
    pub(crate) door: u64,
    pub(crate) next: u32,
    pub(crate) jump: u32,
    /// Whether there is more to it than its snippet.
    pub(crate) care: Care,
    /// Address in the chains.
    pub(crate) pc: u64,
    pub(crate) kind: Kind,
    pub(crate) snippet: Snippet,
}

/// Whether an instruction needs a closer look before it is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Care {
    /// Its snippet is all there is to it.
    None,
    /// It has no snippet yet, or is not just run.
    Some,
    /// It has a breakpoint.
    Break,
}

/// A program that was placed.
pub(crate) struct Generation {
    region: Region,
    pub(crate) map: CodeMap,
    pub(crate) program: Program,
    pub(crate) entries: Vec<Entry>,
}

const INT3: u8 = 0xcc;
/// More code than one instruction with its exits ever has. Pages that are not used cost nothing.
const CODE_BYTES: u64 = 128;
const ONLY_UNIT: usize = 0;

impl Generation {
    /// Assembles and places a program where it reaches the frame and the gate.
    pub(crate) fn new(program: &Program, to: &Surroundings<'_>) -> Result<Self, LoadError> {
        let nodes = program.nodes().len() as u64 + 1;
        let sizes = Sizes { hot: nodes * CODE_BYTES, cold: nodes * SNIPPET_BYTES as u64, data: PAGE_BYTES };
        let mut region = Region::reserve(&LINUX_PAGES, &Place::near(to.near), sizes, 1)?;
        let origin = region.slab_range(Slab::Hot).start();
        let chains = assemble(program, &to.destination(origin))?;
        put(&mut region, Slab::Hot, &chains.bytes)?;
        let entries = program.nodes().iter().map(|node| entry(program, node, &chains.map, to.cpu)).collect();
        Ok(Self { region, map: chains.map, program: program.clone(), entries })
    }

    /// Overwrites the code with breakpoints: whoever gets there is sent to the program that replaced it.
    pub(crate) fn retire(&self) {
        let start = self.map.origin();
        for offset in (0..self.map.code_bytes()).step_by(8) {
            self.set_word(start.add(offset), u64::from_ne_bytes([INT3; 8]));
        }
    }

    /// Replaces 8 bytes of code.
    fn set_word(&self, at: CachePc, word: u64) {
        // SAFETY: the thread that runs this code is the caller: nobody is inside of it.
        let patched = unsafe { self.region.patch_word(at, word) };
        debug_assert!(patched.is_ok(), "code starts at a page and has whole words of room: {patched:?}");
    }

    /// Makes the snippet of a node, if it needs one that is not there.
    pub(crate) fn prepare(&mut self, node: u32, to: &Surroundings<'_>) -> Result<(), LoadError> {
        let index = node as usize;
        if self.entries[index].code != 0 || !self.entries[index].kind.has_code() {
            return Ok(());
        }
        let code = &self.program.nodes()[index];
        let behind = self.map.address_behind(code.id()).unwrap_or_default();
        let unit = self.region.unit(ONLY_UNIT).ok_or(FULL)?;
        let pc = unit.next(Slab::Cold, 16)?;
        let mut room = [0; SNIPPET_BYTES];
        let mut w = Writer::new(&mut room, pc);
        let context = Context { frame: to.frame, gate: to.gate, behind };
        let id = code.id();
        let failed = |error| LoadError::Assemble(AssembleError::Relocate { id, error });
        let snippet = snippet::write(code, &context, &mut w).map_err(failed)?;
        let bytes = w.finish().map_err(|error| LoadError::Assemble(AssembleError::Emit { id, error }))?;
        put(&mut self.region, Slab::Cold, bytes.bytes())?;
        let entry = &mut self.entries[index];
        (entry.code, entry.snippet) = (pc.get(), snippet);
        entry.door = to.gate.enter(snippet.need).get();
        if entry.care == Care::Some && entry.kind == Kind::Run {
            entry.care = Care::None;
        }
        Ok(())
    }

    /// Marks the instructions that have breakpoints.
    pub(crate) fn mark(&mut self, breaks: &Breaks) {
        for (entry, node) in self.entries.iter_mut().zip(self.program.nodes()) {
            entry.care = match entry.kind {
                _ if breaks.contains_key(&node.id()) => Care::Break,
                Kind::Run if entry.code != 0 => Care::None,
                _ => Care::Some,
            };
        }
    }
}

impl history::Generation for Generation {
    fn placed(&self) -> Placed<'_> {
        Placed { program: &self.program, map: &self.map }
    }
}

/// Places code at the start of what is free.
fn put(region: &mut Region, slab: Slab, bytes: &[u8]) -> Result<(), LoadError> {
    let mut unit = region.unit(ONLY_UNIT).ok_or(FULL)?;
    let len = bytes.len() as u64;
    let mut span = match slab {
        Slab::Hot => unit.alloc_hot(len, 16)?,
        _ => unit.alloc_cold(len, 16)?,
    };
    region.write(&mut span, bytes)?;
    // Nobody keeps the span: the addresses are in the map, and the region goes as a whole.
    drop(span.publish());
    Ok(())
}

/// A region without units, which cannot be.
const FULL: AllocError = AllocError::BadUnitCount { units: 0 };

fn entry(program: &Program, node: &Node, map: &CodeMap, cpu: &Cpu) -> Entry {
    let index = |id: Option<InsnId>| id.and_then(|id| program.index_of(id)).unwrap_or(OUT);
    let (kind, need) = (snippet::kind(node, cpu), Need::All);
    Entry {
        id: node.id(),
        code: 0,
        door: 0,
        next: index(node.next()),
        jump: index(node.jump()),
        care: Care::Some,
        pc: map.address(CodePoint::At(node.id())).unwrap_or_default(),
        kind,
        snippet: Snippet { need, done: 0, lost: None },
    }
}

/// What a program is placed next to.
pub(crate) struct Surroundings<'s> {
    pub(crate) frame: FrameRef,
    pub(crate) gate: &'s Gate,
    pub(crate) near: AppRange,
    pub(crate) cpu: &'s Cpu,
}

impl Surroundings<'_> {
    fn destination(&self, origin: CachePc) -> Destination {
        let exits = Exits::Gate {
            number: self.frame.at(offset_of!(Frame, reason)),
            first: reason::FIRST_EXIT,
            gate: self.gate.leave(Need::All),
        };
        Destination { origin, slots: self.frame.slots(), exits }
    }
}
