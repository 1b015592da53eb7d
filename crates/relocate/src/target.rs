//! Loading where an indirect branch goes.

use iced_x86::{Instruction, OpKind, Register};
use midstride_asm::{Gpr, Mem, Segment, Width, Writer};

use crate::flow::Flow;
use crate::gpr;
use crate::insn::Insn;
use crate::layout::{Layout, Prefixes, REX, REX_B, REX_R, REX_W};
use crate::patch::{Bytes, RipRelative};
use crate::relocate::{RelocateError, displacement, written};

const REX_X: u8 = 0x02;
/// `mov r64, r/m64`.
const MOV_LOAD: u8 = 0x8b;
const FS_PREFIX: u8 = 0x64;
const GS_PREFIX: u8 = 0x65;
const ADDRESS_SIZE_PREFIX: u8 = 0x67;

/// Writes `mov dst, operand` for the operand of `jmp r/m64` or `call r/m64`: the same ModRM, SIB and
/// displacement, segment override and 67h. Nothing has been pushed yet, so operands that use rsp are right.
///
/// `dst` must still hold the program's value (the operand may use it), saved by the caller if needed.
/// A rip-relative operand out of reach is addressed through `dst` itself. Flags are not touched.
///
/// # Errors
/// [`RelocateError::NotIndirect`] for any other instruction, with nothing written; [`RelocateError::Encoding`]
/// likewise; [`RelocateError::Emit`] when the writer has an error.
pub fn load_target(insn: &Insn, w: &mut Writer<'_>, dst: Gpr) -> Result<(), RelocateError> {
    let flow = insn.flow();
    if !matches!(flow, Flow::JumpIndirect | Flow::CallIndirect) {
        return Err(RelocateError::NotIndirect { pc: insn.pc(), flow });
    }
    let iced = insn.iced();
    if iced.op0_kind() == OpKind::Register {
        let src = gpr::of(iced.op0_register()).ok_or(RelocateError::Encoding { pc: insn.pc() })?;
        if src != dst {
            w.mov_rr(Width::W64, dst, src);
        }
    } else {
        let load = load_same_operand(insn, dst).ok_or(RelocateError::Encoding { pc: insn.pc() })?;
        if iced.is_ip_rel_memory_operand() {
            load_rip_relative(iced, &load, w, dst);
        } else {
            w.bytes(load.as_slice());
        }
    }
    written(w)
}

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperandPlace {
    /// In a register, or a part of it.
    Register(Gpr),
    /// In memory.
    Memory {
        /// Its address.
        address: u64,
    },
    /// In memory relative to FS.
    Fs {
        /// Its distance from the base of FS.
        offset: u64,
    },
}

/// Where operand `operand` of `insn`, counted from 0, is when the registers have the values `value` says. `None`
/// for operands of other kinds, and for memory relative to GS (see [`Insn::without_gs`]).
///
/// ```
/// use midstride_addr::AppPc;
/// use midstride_asm::Gpr;
/// use midstride_relocate::{OperandPlace, decode, operand_place};
///
/// let insn = decode(&[0xff, 0x54, 0x24, 0x08], AppPc::new(0x1000))?; // call [rsp + 8]
/// let place = operand_place(&insn, 0, |reg| if reg == Gpr::Rsp { 0x7000 } else { 0 });
/// assert_eq!(place, Some(OperandPlace::Memory { address: 0x7008 }));
/// # Ok::<(), midstride_relocate::DecodeError>(())
/// ```
pub fn operand_place(insn: &Insn, operand: u32, value: impl Fn(Gpr) -> u64) -> Option<OperandPlace> {
    let iced = insn.iced();
    if operand >= iced.op_count() {
        return None;
    }
    match iced.op_kind(operand) {
        OpKind::Register => gpr::of(iced.op_register(operand)).map(OperandPlace::Register),
        OpKind::Memory if segment(iced) != Segment::Gs => {
            let address = iced.virtual_address(operand, 0, |name, _, _| {
                if name.is_segment_register() { Some(0) } else { gpr::of(name).map(&value) }
            });
            address.map(|address| match segment(iced) {
                Segment::Fs => OperandPlace::Fs { offset: address },
                _ => OperandPlace::Memory { address },
            })
        }
        _ => None,
    }
}

/// `mov dst, operand` with everything that says which memory is meant.
fn load_same_operand(insn: &Insn, dst: Gpr) -> Option<Bytes> {
    let bytes = insn.bytes();
    let prefixes = Prefixes::scan(bytes);
    let modrm = Layout::of(bytes)?.modrm;
    let mut load = Bytes::new();
    load.extend(segment_prefix(insn.iced()));
    load.extend(if prefixes.address_size { &[ADDRESS_SIZE_PREFIX] } else { &[] });
    let base_and_index = prefixes.rex.unwrap_or(0) & (REX_X | REX_B);
    let reg = if dst.number() >= 8 { REX_R } else { 0 };
    load.extend(&[REX | REX_W | reg | base_and_index, MOV_LOAD]);
    load.extend(&[bytes[modrm] & 0b11_000_111 | (dst.number() & 7) << 3]);
    load.extend(&bytes[modrm + 1..]);
    Some(load)
}

/// Writes `load`, whose displacement is still that of the program, or an equivalent.
fn load_rip_relative(iced: &Instruction, load: &Bytes, w: &mut Writer<'_>, dst: Gpr) {
    let near =
        displacement(iced, w.pc().add(load.as_slice().len() as u64)).zip(RipRelative::of(load.as_slice()));
    if let Some((disp, parts)) = near {
        w.bytes(parts.with_displacement(disp).as_slice());
    } else {
        w.mov_ri(dst, iced.ip_rel_memory_address());
        w.mov_rm(Width::W64, dst, Mem::base(dst, 0).seg(segment(iced)));
    }
}

fn segment_prefix(iced: &Instruction) -> &'static [u8] {
    match segment(iced) {
        Segment::None => &[],
        Segment::Fs => &[FS_PREFIX],
        Segment::Gs => &[GS_PREFIX],
    }
}

/// The override that counts; the others are ignored in 64-bit mode (3Eh is `notrack`).
fn segment(iced: &Instruction) -> Segment {
    match iced.segment_prefix() {
        Register::FS => Segment::Fs,
        Register::GS => Segment::Gs,
        _ => Segment::None,
    }
}
