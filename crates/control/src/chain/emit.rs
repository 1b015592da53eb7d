//! Writing the items.

use alloc::vec;
use alloc::vec::Vec;

use midstride_addr::CachePc;
use midstride_asm::{Gpr, Mem, Width, Writer};
use midstride_relocate::{
    Counted, CounterWidth, Flow, GprSet, Insn, Relocated, Spill, load_target, relocate,
};

use super::error::AssembleError;
use super::map::{CodeMap, Phases};
use super::plan::{Item, Place, Plan};
use super::size::{Form, ISLAND, Sizes, WIDE_JUMP, exit_len};
use super::{Chains, Destination, Exits, TARGET_SLOT};
use crate::program::{InsnId, Node};

/// Room for the longest copy of an instruction.
const ROOM: usize = 96;

/// What came of writing.
pub(crate) enum Emitted {
    Done(Chains),
    /// An item needs more room than it was given.
    Longer {
        item: usize,
        len: u32,
    },
}

/// The slot of a destination, for copies that need a scratch register.
struct Slot(u64);

impl Spill for Slot {
    fn slot(&self) -> Mem {
        Mem::rip(self.0)
    }
}

pub(crate) fn emit(plan: &Plan<'_>, sizes: &Sizes, to: &Destination) -> Result<Emitted, AssembleError> {
    let mut bytes: Vec<u8> = vec![0; sizes.end() as usize];
    let mut map = CodeMap::new(to.origin, sizes.end(), plan.program, &plan.exits);
    for (index, item) in plan.items.iter().enumerate() {
        let (start, len) = (sizes.start(index), sizes.len(index));
        let mut room = [0; ROOM];
        let mut w = Writer::new(&mut room, to.origin.add(start.into()));
        let phases = Emitter { plan, sizes, to, w: &mut w }.item(index, *item)?;
        let written = w.offset().get();
        if written > len {
            return Ok(Emitted::Longer { item: index, len: written });
        }
        w.nop((len - written) as usize);
        let id = plan.id_of(*item);
        let code = w.finish().map_err(|error| AssembleError::Emit { id, error })?;
        bytes[start as usize..(start + len) as usize].copy_from_slice(code.bytes());
        record(&mut map, *item, start, phases.padded(written as u8));
    }
    Ok(Emitted::Done(Chains { bytes, map }))
}

fn record(map: &mut CodeMap, item: Item, start: u32, phases: Phases) {
    match item {
        Item::Node { node, .. } => map.place_node(node, start, phases),
        Item::Glue { node } => map.place_glue(node, start),
        Item::Exit { exit } => map.place_exit(exit, start),
    }
}

/// The length of an instruction that has one form only.
pub(crate) fn fixed_len(plan: &Plan<'_>, node: u32, to: &Destination) -> Result<u32, AssembleError> {
    let code = plan.node(node);
    Ok(match code.flow() {
        Flow::Call { .. } => 5,
        Flow::Xbegin { .. } => 6,
        _ if is_system_call(code) => exit_len(to),
        _ => {
            let mut room = [0; ROOM];
            let mut w = Writer::new(&mut room, to.origin);
            copy(code, to, &mut w)?;
            w.offset().get()
        }
    })
}

/// Whether the instruction enters the kernel by intent: it becomes a way out.
pub(crate) fn is_system_call(node: &Node) -> bool {
    matches!(node.flow(), Flow::Syscall | Flow::Sysenter | Flow::Interrupt { vector: 0x80 })
}

/// Prefix of a counted branch.
pub(crate) fn counter_prefix(width: CounterWidth) -> &'static [u8] {
    match width {
        CounterWidth::Rcx => &[],
        CounterWidth::Ecx => &[0x67],
    }
}

pub(crate) fn counted_opcode(kind: Counted) -> u8 {
    match kind {
        Counted::Loopne => 0xe0,
        Counted::Loope => 0xe1,
        Counted::Loop => 0xe2,
        Counted::Rcxz => 0xe3,
    }
}

struct Emitter<'e, 'b> {
    plan: &'e Plan<'e>,
    sizes: &'e Sizes,
    to: &'e Destination,
    w: &'e mut Writer<'b>,
}

impl Emitter<'_, '_> {
    fn item(&mut self, index: usize, item: Item) -> Result<Phases, AssembleError> {
        match item {
            Item::Glue { node } => self.jump(index, Place::Node(node)),
            Item::Exit { exit } => self.exit(exit),
            Item::Node { node, jump } => return self.node(index, node, jump),
        }
        Ok(Phases::PLAIN)
    }

    fn node(&mut self, index: usize, node: u32, jump: Option<Place>) -> Result<Phases, AssembleError> {
        let code = self.plan.node(node);
        match (code.flow(), jump) {
            (Flow::Jump { .. }, Some(to)) => self.jump(index, to),
            (Flow::Branch { cond, .. }, Some(to)) => match self.sizes.form(index) {
                Form::Short => self.short(&[0x70 | cond.code()], to),
                Form::Wide => self.w.jcc_to(cond, self.pc_of(to)),
            },
            (Flow::Counted { kind, width, .. }, Some(to)) => return Ok(self.counted(index, kind, width, to)),
            (Flow::Call { .. }, Some(to)) => self.w.call_to(self.pc_of(to)),
            (Flow::Xbegin { .. }, Some(to)) => self.xbegin(self.pc_of(to)),
            _ if is_system_call(code) => self.exit(self.plan.exits.len() as u32 + node),
            _ => return copy(code, self.to, self.w),
        }
        Ok(Phases::PLAIN)
    }

    fn pc_of(&self, place: Place) -> CachePc {
        self.to.origin.add(self.sizes.start(self.plan.item_at(place)).into())
    }

    fn jump(&mut self, index: usize, to: Place) {
        match self.sizes.form(index) {
            Form::Short => self.short(&[0xeb], to),
            Form::Wide => self.w.jmp_to(self.pc_of(to)),
        }
    }

    /// `opcode rel8`, known to reach.
    fn short(&mut self, opcode: &[u8], to: Place) {
        let end = self.w.pc().add(opcode.len() as u64 + 1);
        self.w.bytes(opcode);
        self.w.u8(self.pc_of(to).get().wrapping_sub(end.get()) as u8);
    }

    /// A branch with a short form only. Out of reach it goes through an island:
    ///
    /// ```text
    ///          loop taken
    ///          jmp short done
    /// taken:   jmp target
    /// done:
    /// ```
    fn counted(&mut self, index: usize, kind: Counted, width: CounterWidth, to: Place) -> Phases {
        self.w.bytes(counter_prefix(width));
        if self.sizes.form(index) == Form::Short {
            self.short(&[counted_opcode(kind)], to);
            return Phases::PLAIN;
        }
        let to_taken = (ISLAND - WIDE_JUMP) as u8;
        self.w.bytes(&[counted_opcode(kind), to_taken]);
        let done = self.w.offset().get() as u8;
        self.w.bytes(&[0xeb, WIDE_JUMP as u8]);
        self.w.jmp_to(self.pc_of(to));
        Phases { done, taken: done + to_taken, ..Phases::PLAIN }
    }

    fn xbegin(&mut self, to: CachePc) {
        let end = self.w.pc().add(6);
        self.w.bytes(&[0xc7, 0xf8]);
        // A region is far smaller than the reach of the displacement.
        self.w.u32(to.get().wrapping_sub(end.get()) as u32);
    }

    fn exit(&mut self, number: u32) {
        match self.to.exits {
            Exits::Trap => self.w.int3(),
            Exits::Gate { number: word, first, gate } => {
                self.w.mov_mi(Width::W32, Mem::rip(word), (first + number).cast_signed());
                self.w.jmp_to(gate);
            }
        }
    }
}

/// Copies an instruction that is no direct branch.
fn copy(node: &Node, to: &Destination, w: &mut Writer<'_>) -> Result<Phases, AssembleError> {
    let id = node.id();
    let Some(insn) = node.insn() else {
        w.bytes(node.bytes());
        return Ok(Phases::PLAIN);
    };
    if insn.flow().is_copyable() {
        let relocated = relocate(insn, w, &Slot(to.slots), GprSet::EMPTY);
        return relocated.map(phases).map_err(|error| AssembleError::Relocate { id, error });
    }
    if !insn.iced().is_ip_rel_memory_operand() {
        w.bytes(insn.bytes());
        return Ok(Phases::PLAIN);
    }
    match insn.flow() {
        Flow::JumpIndirect | Flow::CallIndirect => indirect(id, insn, to, w),
        _ => Err(AssembleError::FarOutOfReach { id }),
    }
}

fn phases(relocated: Relocated) -> Phases {
    match relocated {
        Relocated::Verbatim | Relocated::Patched => Phases::PLAIN,
        Relocated::Scratch { reg, insn, restore, .. } => {
            Phases { body: insn.get() as u8, done: restore.get() as u8, lost: Some(reg), ..Phases::PLAIN }
        }
    }
}

/// A branch through memory relative to rip: its target is loaded into the slot first.
///
/// ```text
///        mov [slot], rax
///        mov rax, <operand>
///        mov [slot + 8], rax
///        mov rax, [slot]
/// body:  jmp [slot + 8]
/// ```
fn indirect(id: InsnId, insn: &Insn, to: &Destination, w: &mut Writer<'_>) -> Result<Phases, AssembleError> {
    let target = Mem::rip(to.slots + TARGET_SLOT);
    w.mov_mr(Width::W64, Mem::rip(to.slots), Gpr::Rax);
    load_target(insn, w, Gpr::Rax).map_err(|error| AssembleError::Relocate { id, error })?;
    w.mov_mr(Width::W64, target, Gpr::Rax);
    w.mov_rm(Width::W64, Gpr::Rax, Mem::rip(to.slots));
    let body = w.offset().get() as u8;
    match insn.flow() {
        Flow::CallIndirect => w.call_m(target),
        _ => w.jmp_m(target),
    }
    Ok(Phases { body, lost: Some(Gpr::Rax), ..Phases::PLAIN })
}
