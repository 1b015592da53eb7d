//! Copying an instruction to another pc so that it does the same there.

use core::fmt;

use iced_x86::{Instruction, Mnemonic, Register};
use midstride_addr::{AppPc, CachePc, CodeOffset, rel32};
use midstride_asm::{EmitError, Gpr, Mem, Width, Writer};

use crate::flow::Flow;
use crate::gpr;
use crate::insn::Insn;
use crate::patch::RipRelative;
use crate::scratch::{self, Scratch};
use crate::sets::GprSet;

/// Where a scratch register's value may wait.
pub trait Spill {
    /// An 8-byte slot that nothing else uses while the copied instruction runs; not on the program's stack.
    fn slot(&self) -> Mem;
}

/// What became of an instruction. Offsets are those of the writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relocated {
    /// The same bytes.
    Verbatim,
    /// One instruction with the same effect and other bytes.
    Patched,
    /// The address went into a scratch register first:
    ///
    /// ```text
    /// start:    mov [slot], reg        only with Saved::Yes
    ///           mov reg, address
    /// insn:     the instruction, with [reg] for [rip+x]
    /// restore:  mov reg, [slot]        only with Saved::Yes
    /// end:
    /// ```
    ///
    /// A thread is seen at the boundaries between these instructions. Before `insn` the instruction has not
    /// started and `reg` is the program's own. At `insn` it has not started, and at `restore` it is done; at
    /// both, `reg` is in the slot (`Saved::Yes`). With `Saved::No` the value of `reg` is lost at `insn`: it was
    /// one the caller declared free; `restore` is the end.
    Scratch {
        /// The register.
        reg: Gpr,
        /// Whether its value is in the slot meanwhile.
        saved: Saved,
        /// Where the copied instruction starts.
        insn: CodeOffset,
        /// Where it ends.
        restore: CodeOffset,
    },
}

/// Whether a scratch register had a value worth keeping.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Saved {
    /// It waits in the spill slot and is put back.
    Yes,
    /// It was free.
    No,
}

/// Why an instruction was not copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RelocateError {
    /// Its meaning depends on where it runs, or it takes control elsewhere: the caller's to rebuild.
    Transfer {
        /// The instruction.
        pc: AppPc,
        /// Where control goes.
        flow: Flow,
    },
    /// [`load_target`](crate::load_target) was asked about something other than `jmp r/m64` and `call r/m64`.
    NotIndirect {
        /// The instruction.
        pc: AppPc,
        /// Where control goes.
        flow: Flow,
    },
    /// The bytes are not laid out as the decoder says, or no register is left to hold the address. Not known to
    /// happen.
    Encoding {
        /// The instruction.
        pc: AppPc,
    },
    /// The writer refused; it may hold a part of the copy.
    Emit(EmitError),
}

impl fmt::Display for RelocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer { pc, flow } => write!(f, "instruction at {pc} transfers control: {flow:x?}"),
            Self::NotIndirect { pc, flow } => write!(f, "no indirect branch at {pc}: {flow:x?}"),
            Self::Encoding { pc } => write!(f, "instruction at {pc} cannot be re-encoded"),
            Self::Emit(_) => write!(f, "the copy cannot be written"),
        }
    }
}

impl core::error::Error for RelocateError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Emit(error) => Some(error),
            _ => None,
        }
    }
}

/// Copies `insn` to where `w` stands, so that it does there what it does at its own pc.
///
/// `free` are registers whose values *before* the instruction nobody needs any more: those not in
/// [`live_in`](crate::live_in). They must not include registers the instruction reads.
/// A destination that is only written may be among them, and then holds the address. Flags are never touched.
///
/// # Errors
/// [`RelocateError::Transfer`] when [`Flow::is_copyable`] is false, with nothing written;
/// [`RelocateError::Encoding`] likewise; [`RelocateError::Emit`] when the writer has an error.
pub fn relocate(
    insn: &Insn,
    w: &mut Writer<'_>,
    spill: &dyn Spill,
    free: GprSet,
) -> Result<Relocated, RelocateError> {
    let flow = insn.flow();
    if !flow.is_copyable() {
        return Err(RelocateError::Transfer { pc: insn.pc(), flow });
    }
    relocate_copyable(insn, w, spill, free)
}

/// [`relocate`] for an instruction that is known to be copyable: its flow is not looked at again.
///
/// # Errors
/// [`RelocateError::Encoding`], [`RelocateError::Emit`].
pub fn relocate_copyable(
    insn: &Insn,
    w: &mut Writer<'_>,
    spill: &dyn Spill,
    free: GprSet,
) -> Result<Relocated, RelocateError> {
    let relocated = if insn.iced().is_ip_rel_memory_operand() {
        rip_relative(insn, w, spill, free)?
    } else {
        w.bytes(insn.bytes());
        Relocated::Verbatim
    };
    written(w)?;
    Ok(relocated)
}

/// The writer's error, if it has one.
pub(crate) fn written(w: &Writer<'_>) -> Result<(), RelocateError> {
    w.error().map_or(Ok(()), |error| Err(RelocateError::Emit(error)))
}

fn rip_relative(
    insn: &Insn,
    w: &mut Writer<'_>,
    spill: &dyn Spill,
    free: GprSet,
) -> Result<Relocated, RelocateError> {
    let iced = insn.iced();
    let encoding = RelocateError::Encoding { pc: insn.pc() };
    let parts = RipRelative::of(insn.bytes()).ok_or(encoding)?;
    let target = iced.ip_rel_memory_address();
    if let Some(disp) = displacement(iced, w.pc().add(insn.len() as u64)) {
        w.bytes(parts.with_displacement(disp).as_slice());
        return Ok(Relocated::Patched);
    }
    if let (Mnemonic::Lea, Some(dst)) = (iced.mnemonic(), gpr::of(iced.op0_register())) {
        w.mov_ri(dst, target);
        return Ok(Relocated::Patched);
    }
    let scratch = scratch::choose(iced, parts.encoding(), free).ok_or(encoding)?;
    Ok(through(scratch, &parts, target, w, spill))
}

/// The displacement that leads from the end of the copy to what the instruction at its own pc addresses.
pub(crate) fn displacement(iced: &Instruction, end: CachePc) -> Option<i32> {
    let target = iced.ip_rel_memory_address();
    if only_low_half_counts(iced) {
        return Some(target.wrapping_sub(end.get()) as i32);
    }
    rel32(end.get(), target)
}

/// Whether 32 bits of the address are all there is: with 67h the processor clears the upper half (SDM vol. 2,
/// 2.2.1.6), and `lea` into a narrow register drops it. Everything is in reach then.
fn only_low_half_counts(iced: &Instruction) -> bool {
    iced.memory_base() == Register::EIP
        || iced.mnemonic() == Mnemonic::Lea && iced.op0_register() < Register::RAX
}

/// Writes the instruction with the address `target` in a register.
fn through(
    Scratch { reg, saved }: Scratch,
    parts: &RipRelative<'_>,
    target: u64,
    w: &mut Writer<'_>,
    spill: &dyn Spill,
) -> Relocated {
    if saved == Saved::Yes {
        w.mov_mr(Width::W64, spill.slot(), reg);
    }
    w.mov_ri(reg, target);
    let insn = w.offset();
    w.bytes(parts.with_base(reg).as_slice());
    let restore = w.offset();
    if saved == Saved::Yes {
        w.mov_rm(Width::W64, reg, spill.slot());
    }
    Relocated::Scratch { reg, saved, insn, restore }
}
