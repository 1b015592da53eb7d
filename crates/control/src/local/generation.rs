//! One program in memory: its chains, its snippets, its map.

use core::mem::offset_of;
use std::collections::BTreeSet;

use midstride_addr::{AppRange, CachePc};
use midstride_asm::Writer;
use midstride_os::LINUX_PAGES;
use midstride_relocate::{Flow, Special};
use midstride_slab::{AllocError, PAGE_BYTES, Place, Region, Sizes, Slab};

use super::frame::{Frame, FrameRef, reason};
use super::gate::{Gate, Need};
use super::snippet::{self, Context, Kind, SNIPPET_BYTES, Snippet};
use crate::chain::{AssembleError, CodeMap, Destination, Exits, Placed, assemble, is_system_call};
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
    /// Address behind it in the chains.
    pub(crate) behind: u64,
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    pub(crate) need: Need,
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

/// How an instruction is stepped natively.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// By a run that the trap flag ends behind it.
    Native,
    /// Likewise, or by breakpoints at all places where it may go, which are other instructions.
    Direct,
    /// By its snippet: such a run would show, would not end there, or would not end.
    Snippet,
}

/// What stands at the start of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bytes {
    Code,
    Breakpoints,
}

/// A program that was placed.
pub(crate) struct Generation {
    region: Region,
    pub(crate) map: CodeMap,
    pub(crate) program: Program,
    pub(crate) entries: Vec<Entry>,
    /// The code without breakpoints.
    code: Vec<u8>,
    /// Addresses with breakpoints.
    planted: BTreeSet<u64>,
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
        Ok(Self {
            region,
            map: chains.map,
            program: program.clone(),
            entries,
            code: chains.bytes,
            planted: BTreeSet::new(),
        })
    }

    /// Overwrites the code with breakpoints: whoever gets there is sent to the program that replaced it.
    pub(crate) fn retire(&self) {
        let start = self.map.origin();
        for offset in (0..self.map.code_bytes()).step_by(8) {
            self.set_word(start.add(offset), u64::from_ne_bytes([INT3; 8]));
        }
    }

    /// Whether there is a breakpoint of ours at an address.
    pub(crate) fn has_breakpoint(&self, pc: u64) -> bool {
        self.planted.contains(&pc)
    }

    /// Puts a breakpoint at an address of the code.
    pub(crate) fn plant(&mut self, pc: u64) {
        if self.planted.insert(pc) {
            self.set_byte(pc, INT3);
        }
    }

    /// Takes a breakpoint out.
    pub(crate) fn unplant(&mut self, pc: u64) {
        let offset = pc.wrapping_sub(self.map.origin().get()) as usize;
        let byte = self.code.get(offset).copied().filter(|_| self.planted.remove(&pc));
        byte.into_iter().for_each(|byte| self.set_byte(pc, byte));
    }

    /// Puts breakpoints where they are [marked](Self::mark), and nowhere else.
    pub(crate) fn plant_marked(&mut self) {
        let marked = |entry: &&Entry| entry.care == Care::Break;
        let wanted: BTreeSet<u64> = self.entries.iter().filter(marked).map(|entry| entry.pc).collect();
        let gone: Vec<u64> = self.planted.difference(&wanted).copied().collect();
        gone.into_iter().for_each(|pc| self.unplant(pc));
        wanted.into_iter().for_each(|pc| self.plant(pc));
    }

    /// Puts a breakpoint in the place of an instruction for a moment, or takes it out.
    pub(crate) fn exchange(&self, pc: u64, bytes: Bytes) {
        let offset = pc.wrapping_sub(self.map.origin().get()) as usize;
        let own = self.code.get(offset).copied().unwrap_or(INT3);
        self.set_byte(pc, if bytes == Bytes::Code { own } else { INT3 });
    }

    fn set_byte(&self, pc: u64, byte: u8) {
        let at = CachePc::new(pc & !7);
        let shift = pc % 8 * 8;
        if let Ok(word) = self.region.read_word(at) {
            self.set_word(at, word & !(0xff << shift) | u64::from(byte) << shift);
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
        let unit = self.region.unit(ONLY_UNIT).ok_or(FULL)?;
        let pc = unit.next(Slab::Cold, 16)?;
        let mut room = [0; SNIPPET_BYTES];
        let mut w = Writer::new(&mut room, pc);
        let Entry { behind, need, .. } = self.entries[index];
        let context = Context { frame: to.frame, gate: to.gate, behind, need };
        let id = code.id();
        let failed = |error| LoadError::Assemble(AssembleError::Relocate { id, error });
        let snippet = snippet::write(code, &context, &mut w).map_err(failed)?;
        let bytes = w.finish().map_err(|error| LoadError::Assemble(AssembleError::Emit { id, error }))?;
        put(&mut self.region, Slab::Cold, bytes.bytes())?;
        let entry = &mut self.entries[index];
        (entry.code, entry.snippet) = (pc.get(), snippet);
        entry.door = match entry.kind {
            // It may block: whoever calls on the way to it has to be heard.
            Kind::Syscall => to.gate.native.get(),
            _ => to.gate.enter(entry.need).get(),
        };
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
    let (kind, need) = (snippet::kind(node, cpu), snippet::need(node));
    Entry {
        id: node.id(),
        code: 0,
        door: 0,
        next: index(node.next()),
        jump: index(node.jump()),
        care: Care::Some,
        pc: map.address(CodePoint::At(node.id())).unwrap_or_default(),
        behind: map.address_behind(node.id()).unwrap_or_default(),
        kind,
        way: way(node, map),
        need,
        snippet: Snippet { done: 0, lost: None },
    }
}

fn way(node: &Node, map: &CodeMap) -> Way {
    let Some(insn) = node.insn() else { return Way::Native };
    let iced = insn.iced();
    let repeated = iced.is_string_instruction() && (iced.has_rep_prefix() || iced.has_repne_prefix());
    let special = match insn.special() {
        Some(Special::StoresFlags | Special::LoadsFlags | Special::LoadsStackSegment) => true,
        _ => matches!(insn.flow(), Flow::Breakpoint | Flow::DebugTrap),
    };
    let split = !map.is_one_piece(node.id());
    match repeated || special || split || is_system_call(node) {
        true => Way::Snippet,
        false if goes_to_others(node) => Way::Direct,
        false => Way::Native,
    }
}

/// Whether everywhere control may go from here there is another instruction.
fn goes_to_others(node: &Node) -> bool {
    let other = |id: Option<InsnId>| id.is_some_and(|id| id != node.id());
    match node.flow() {
        Flow::Next => other(node.next()),
        Flow::Jump { .. } | Flow::Call { .. } => other(node.jump()),
        Flow::Branch { .. } | Flow::Counted { .. } => other(node.next()) && other(node.jump()),
        _ => false,
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
