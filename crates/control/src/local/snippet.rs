//! Snippets: one instruction each, between a door of the gate and the way back.
//!
//! ```text
//!        the instruction, relocated          jcc taken                     syscall
//!        jmp leave                           jmp leave                     mov [reason], NEXT
//!                                     taken: mov [reason], TAKEN           jmp leave
//!                                            jmp leave
//! ```
//! Branches are decided by the processor and taken by us. What a call pushes and what `pushf` shows are those
//! of the program.

use core::mem::offset_of;

use iced_x86::{CpuidFeature, Register as Name};
use midstride_asm::{Gpr, Mem, Width, Writer};
use midstride_relocate::{
    Flow, GprSet, Insn, RelocateError, Relocated, Special, Spill, load_target, relocate,
};

use super::frame::{Frame, FrameRef, reason};
use super::gate::{Gate, Need};
use crate::chain::{TARGET_SLOT, counted_opcode, counter_prefix, is_system_call};
use crate::cpu::{Cpu, Transactions};
use crate::program::Node;

/// Bytes that suffice for any snippet.
pub(crate) const SNIPPET_BYTES: usize = 96;

/// How an instruction is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// By its snippet.
    Run,
    /// Without code: it only goes to its target.
    Jump,
    /// A snippet pushes the second slot, where the flags have to be.
    PushFlags,
    /// A snippet pops the flags to the second slot; they are put together afterwards.
    PopFlags {
        /// The flags that the operand size lets through.
        mask: u64,
    },
    /// It enters the kernel; the snippet does so.
    Syscall,
    /// A transaction that aborts at once, as any may.
    Abort,
    /// It is not run.
    Refused,
}

impl Kind {
    /// Whether there is a snippet.
    pub(crate) fn has_code(self) -> bool {
        !matches!(self, Self::Jump | Self::Abort | Self::Refused)
    }
}

/// A snippet that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snippet {
    /// From this offset on the instruction is done.
    pub(crate) done: u8,
    /// The register that is in the first slot while control is inside.
    pub(crate) lost: Option<Gpr>,
}

/// What a snippet is written for.
pub(crate) struct Context<'c> {
    pub(crate) frame: FrameRef,
    pub(crate) gate: &'c Gate,
    /// What a call pushes.
    pub(crate) behind: u64,
    pub(crate) need: Need,
}

struct Slot(u64);

impl Spill for Slot {
    fn slot(&self) -> Mem {
        Mem::rip(self.0)
    }
}

/// How `node` is carried out on this processor.
pub(crate) fn kind(node: &Node, cpu: &Cpu) -> Kind {
    if is_system_call(node) {
        return Kind::Syscall;
    }
    match node.flow() {
        Flow::Jump { .. } => Kind::Jump,
        Flow::Xbegin { .. } if cpu.transactions == Transactions::Present => Kind::Abort,
        Flow::FarJump
        | Flow::FarCall
        | Flow::FarReturn { .. }
        | Flow::InterruptReturn
        | Flow::UserInterruptReturn
        | Flow::Unsupported16 => Kind::Refused,
        _ => node.insn().map_or(Kind::Run, kind_of),
    }
}

fn kind_of(insn: &Insn) -> Kind {
    match insn.special() {
        Some(Special::StoresFlags) => Kind::PushFlags,
        Some(Special::LoadsFlags) if has_16_bits(insn) => Kind::PopFlags { mask: 0xffff },
        Some(Special::LoadsFlags) => Kind::PopFlags { mask: u64::MAX },
        _ => Kind::Run,
    }
}

/// Whether `pushf` or `popf` has the prefix 66h.
fn has_16_bits(insn: &Insn) -> bool {
    matches!(insn.iced().code(), iced_x86::Code::Popfw | iced_x86::Code::Pushfw)
}

/// Writes the snippet of an instruction that has one.
pub(crate) fn write(node: &Node, to: &Context<'_>, w: &mut Writer<'_>) -> Result<Snippet, RelocateError> {
    let mut snippet = SnippetWriter { w, to, done: u8::MAX, lost: None };
    match node.insn() {
        _ if is_system_call(node) => snippet.system_call(node.bytes()),
        None => snippet.w.bytes(node.bytes()),
        Some(insn) => snippet.instruction(insn)?,
    }
    let SnippetWriter { done, lost, .. } = snippet;
    let done = done.min(w.offset().get() as u8);
    w.jmp_to(to.gate.leave(to.need));
    if matches!(node.flow(), Flow::Call { .. } | Flow::CallIndirect) {
        w.u64(to.behind);
    }
    w.error().map_or(Ok(Snippet { done, lost }), |error| Err(RelocateError::Emit(error)))
}

struct SnippetWriter<'s, 'b> {
    w: &'s mut Writer<'b>,
    to: &'s Context<'s>,
    done: u8,
    lost: Option<Gpr>,
}

/// `jmp leave`.
const LEAVE: u8 = 5;

impl SnippetWriter<'_, '_> {
    fn instruction(&mut self, insn: &Insn) -> Result<(), RelocateError> {
        match insn.flow() {
            Flow::Branch { cond, .. } => self.branch(&[0x70 | cond.code()]),
            Flow::Counted { kind, width, .. } => {
                self.w.bytes(counter_prefix(width));
                self.branch(&[counted_opcode(kind)]);
            }
            Flow::Call { .. } => {
                self.push_behind(reason::TAKEN);
            }
            Flow::Return { pop } => self.ret(pop),
            Flow::JumpIndirect => {
                self.load(insn)?;
                self.reason(reason::INDIRECT);
            }
            Flow::CallIndirect => {
                self.load(insn)?;
                self.push_behind(reason::INDIRECT);
            }
            // Without transactions it raises what it raises.
            Flow::Xbegin { .. } | Flow::Sysenter => self.w.bytes(insn.bytes()),
            _ => self.plain(insn)?,
        }
        Ok(())
    }

    /// Is entered natively, where calls are not missed, and by which no reason is given.
    fn system_call(&mut self, bytes: &[u8]) {
        self.w.bytes(bytes);
        self.done = self.w.offset().get() as u8;
        self.reason(reason::NEXT);
    }

    fn plain(&mut self, insn: &Insn) -> Result<(), RelocateError> {
        match insn.special() {
            Some(Special::StoresFlags) => self.on_target(insn, 0xff, 6),
            Some(Special::LoadsFlags) => self.on_target(insn, 0x8f, 0),
            _ => {
                let relocated = relocate(insn, self.w, &Slot(self.to.frame.slots()), GprSet::EMPTY)?;
                if let Relocated::Scratch { reg, restore, .. } = relocated {
                    (self.lost, self.done) = (Some(reg), restore.get() as u8);
                }
            }
        }
        Ok(())
    }

    fn target(&self) -> u64 {
        self.to.frame.slots() + TARGET_SLOT
    }

    /// `push` or `pop` of the second slot in place of `pushf` or `popf`, with its operand size.
    fn on_target(&mut self, insn: &Insn, opcode: u8, extension: u8) {
        if has_16_bits(insn) {
            self.w.u8(0x66);
        }
        self.w.bytes(&[opcode, extension << 3 | 0b101]);
        let end = self.w.pc().add(4);
        // The frame lies in the same piece of address space as the code.
        self.w.u32(self.target().wrapping_sub(end.get()) as u32);
    }

    fn branch(&mut self, opcode: &[u8]) {
        self.w.bytes(opcode);
        self.w.u8(LEAVE);
        self.w.jmp_to(self.to.gate.leave(self.to.need));
        self.reason(reason::TAKEN);
    }

    fn reason(&mut self, reason: u32) {
        let word = self.to.frame.at(offset_of!(Frame, reason));
        self.w.mov_mi(Width::W32, Mem::rip(word), reason.cast_signed());
    }

    /// Pushes the word behind the snippet's last jump, then gives the reason.
    fn push_behind(&mut self, reason: u32) {
        const PUSH: u64 = 6;
        const REASON: u64 = 10;
        let word = self.w.pc().add(PUSH + REASON + u64::from(LEAVE));
        self.w.push_m(Mem::rip(word.get()));
        self.reason(reason);
    }

    /// Loads the target of an indirect branch to the second slot.
    fn load(&mut self, insn: &Insn) -> Result<(), RelocateError> {
        self.save_rax();
        load_target(insn, self.w, Gpr::Rax)?;
        self.restore_rax();
        Ok(())
    }

    fn ret(&mut self, pop: u16) {
        self.save_rax();
        self.w.mov_rm(Width::W64, Gpr::Rax, Mem::base(Gpr::Rsp, 0));
        self.restore_rax();
        self.w.lea(Width::W64, Gpr::Rsp, Mem::base(Gpr::Rsp, 8 + i32::from(pop)));
        self.reason(reason::INDIRECT);
    }

    fn save_rax(&mut self) {
        self.w.mov_mr(Width::W64, Mem::rip(self.to.frame.slots()), Gpr::Rax);
        self.lost = Some(Gpr::Rax);
    }

    fn restore_rax(&mut self) {
        self.w.mov_mr(Width::W64, Mem::rip(self.target()), Gpr::Rax);
        self.w.mov_rm(Width::W64, Gpr::Rax, Mem::rip(self.to.frame.slots()));
    }
}

/// What the instruction may use. Everything that is not known to leave the vector and x87 registers alone is
/// taken to use them.
pub(crate) fn need(node: &Node) -> Need {
    let Some(insn) = node.insn() else { return Need::All };
    let iced = insn.iced();
    let bases = matches!(iced.segment_prefix(), Name::FS | Name::GS)
        || insn.special() == Some(Special::SegmentBase)
        || is_system_call(node);
    match bases {
        true => Need::All,
        false if iced.cpuid_features().iter().all(|feature| INTEGER.contains(feature)) => Need::Integer,
        false => Need::Vector,
    }
}

/// Extensions that know general registers, flags and memory only.
const INTEGER: &[CpuidFeature] = &[
    CpuidFeature::INTEL8086,
    CpuidFeature::INTEL8086_ONLY,
    CpuidFeature::INTEL186,
    CpuidFeature::INTEL286,
    CpuidFeature::INTEL386,
    CpuidFeature::INTEL486,
    CpuidFeature::X64,
    CpuidFeature::CMOV,
    CpuidFeature::CX8,
    CpuidFeature::CMPXCHG16B,
    CpuidFeature::BMI1,
    CpuidFeature::BMI2,
    CpuidFeature::TBM,
    CpuidFeature::ADX,
    CpuidFeature::LZCNT,
    CpuidFeature::POPCNT,
    CpuidFeature::MOVBE,
    CpuidFeature::CPUID,
    CpuidFeature::TSC,
    CpuidFeature::RDTSCP,
    CpuidFeature::RDRAND,
    CpuidFeature::RDSEED,
    CpuidFeature::MULTIBYTENOP,
    CpuidFeature::PAUSE,
    CpuidFeature::CLFSH,
    CpuidFeature::CLFLUSHOPT,
    CpuidFeature::CLWB,
    CpuidFeature::PREFETCHW,
    CpuidFeature::CET_IBT,
];
