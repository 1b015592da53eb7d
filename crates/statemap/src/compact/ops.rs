//! The steps from one site's state to the next: one byte each, some with a number behind.
//!
//! The alphabet is a table: what compiled code does most has a byte of its own.

use alloc::vec::Vec;

use midstride_frame::Register;

use crate::compact::error::{MapError, offset};
use crate::compact::site::{Condition, Operand, Place, SiteState, Slot};
use crate::value::ValType;
use crate::varint::{self, Cursor};

/// Pushes of a type in a register, 16 bytes each: the low bits are the register's number.
const PUSH_REGISTER: [(ValType, u8); 5] = [
    (ValType::I32, 0x00),
    (ValType::I64, 0x10),
    (ValType::F32, 0x20),
    (ValType::F64, 0x30),
    (ValType::V128, 0x40),
];
/// Push a copy of local 0 to 15.
const PUSH_LOCAL: u8 = 0x50;
/// A local (LEB128) is in this general register.
const LOCAL_GPR: u8 = 0x60;
/// A local (LEB128) is in this vector register.
const LOCAL_VECTOR: u8 = 0x70;
/// Pop 1 to 16.
const POP: u8 = 0x80;
/// Push a type (0 to 6) at home.
const PUSH_HOME: u8 = 0x90;
/// Push a constant of a type (0 to 6): its bits, LEB128; zigzag from their own width for integers.
const PUSH_CONSTANT: u8 = 0x98;
/// A local (LEB128) is at home.
const LOCAL_HOME: u8 = 0xa0;
/// A local (LEB128) is this constant (zigzag LEB128 of 64 bits).
const LOCAL_CONSTANT: u8 = 0xa1;
/// A local (LEB128) is a copy of another (LEB128).
const LOCAL_COPY: u8 = 0xa2;
/// Push a copy of a local (LEB128).
const PUSH_LOCAL_FAR: u8 = 0xa3;
/// Push a type (byte) in a register (byte, [`Register::to_byte`]).
const PUSH_ANY: u8 = 0xa4;
/// Push an i32 that is in the flags: condition (byte).
const PUSH_FLAGS: u8 = 0xa5;
/// Pop 17 and more (LEB128 of what is above 17).
const POP_FAR: u8 = 0xa6;
/// All locals are at home.
const LOCALS_HOME: u8 = 0xa7;
/// All operands are at home.
const OPERANDS_HOME: u8 = 0xa8;
/// Locals from one (LEB128), this many (LEB128), are zero.
const LOCAL_ZEROS: u8 = 0xa9;
/// The site has this note (byte).
const NOTE: u8 = 0xaa;

/// The largest pop with a byte of its own.
const NEAR_POP: u32 = 16;

/// Appends the pop of `count` operands; how many steps that is.
pub(super) fn pop(out: &mut Vec<u8>, count: u32) -> u32 {
    match count {
        0 => return 0,
        1..=NEAR_POP => out.push(POP + (count - 1) as u8),
        _ => numbered(out, POP_FAR, u64::from(count - NEAR_POP - 1)),
    }
    1
}

/// Appends the step that brings all locals home.
pub(super) fn locals_home(out: &mut Vec<u8>) {
    out.push(LOCALS_HOME);
}

/// Appends the step that brings all operands home.
pub(super) fn operands_home(out: &mut Vec<u8>) {
    out.push(OPERANDS_HOME);
}

/// Appends a push. The place must be possible for the type ([`fits`]).
pub(super) fn push(out: &mut Vec<u8>, operand: Operand) {
    match operand.place {
        Place::Home => out.push(PUSH_HOME + operand.ty.to_byte()),
        Place::Register(register) => push_register(out, operand.ty, register),
        Place::Constant(bits) => {
            numbered(out, PUSH_CONSTANT + operand.ty.to_byte(), constant_to_number(operand.ty, bits));
        }
        Place::Local(local @ 0..16) => out.push(PUSH_LOCAL + local as u8),
        Place::Local(local) => numbered(out, PUSH_LOCAL_FAR, u64::from(local)),
        Place::Flags(condition) => out.extend([PUSH_FLAGS, condition.code()]),
    }
}

fn push_register(out: &mut Vec<u8>, ty: ValType, register: Register) {
    let row = PUSH_REGISTER.iter().find(|row| row.0 == ty);
    match (row, register.gpr_number(), register.vector_number()) {
        (Some((ValType::I32 | ValType::I64, first)), Some(number), _) => out.push(first + number),
        (Some((ValType::F32 | ValType::F64 | ValType::V128, first)), _, Some(number @ 0..16)) => {
            out.push(first + number);
        }
        _ => out.extend([PUSH_ANY, ty.to_byte(), register.to_byte()]),
    }
}

/// Appends where a local is now. The place must be possible for its type.
pub(super) fn local(out: &mut Vec<u8>, index: u32, place: Place) {
    let index = u64::from(index);
    match place {
        Place::Register(register) => {
            let number = register.gpr_number().map(|number| LOCAL_GPR + number);
            let vector = || LOCAL_VECTOR + (register.vector_number().unwrap_or(0) & 15);
            numbered(out, number.unwrap_or_else(vector), index);
        }
        Place::Constant(bits) => {
            numbered(out, LOCAL_CONSTANT, index);
            varint::put(out, varint::zigzag(bits.cast_signed()));
        }
        Place::Local(other) => {
            numbered(out, LOCAL_COPY, index);
            varint::put(out, u64::from(other));
        }
        Place::Home | Place::Flags(_) => numbered(out, LOCAL_HOME, index),
    }
}

/// Appends that `count` locals from `first` are zero.
pub(super) fn zeros(out: &mut Vec<u8>, first: u32, count: u32) {
    numbered(out, LOCAL_ZEROS, u64::from(first));
    varint::put(out, u64::from(count));
}

/// Appends the site's note; how many steps that is.
pub(super) fn note(out: &mut Vec<u8>, note: u8) -> u32 {
    if note != 0 {
        out.extend([NOTE, note]);
    }
    u32::from(note != 0)
}

fn numbered(out: &mut Vec<u8>, step: u8, number: u64) {
    out.push(step);
    varint::put(out, number);
}

fn constant_to_number(ty: ValType, bits: u64) -> u64 {
    match ty {
        ValType::I32 => varint::zigzag(i64::from((bits as u32).cast_signed())),
        ValType::I64 => varint::zigzag(bits.cast_signed()),
        // Floats have their varied bits at the top.
        ValType::F32 => u64::from((bits as u32).reverse_bits()),
        ValType::F64 => bits.reverse_bits(),
        ValType::V128 | ValType::FuncRef | ValType::ExternRef => bits,
    }
}

fn constant_from_number(ty: ValType, number: u64) -> u64 {
    match ty {
        ValType::I32 => u64::from(varint::unzigzag(number) as u32),
        ValType::I64 => varint::unzigzag(number).cast_unsigned(),
        ValType::F32 => u64::from((number as u32).reverse_bits()),
        ValType::F64 => number.reverse_bits(),
        ValType::V128 | ValType::FuncRef | ValType::ExternRef => number,
    }
}

/// Whether an operand of this type can be in this place.
pub(super) fn operand_fits(ty: ValType, place: Place) -> bool {
    match place {
        Place::Home | Place::Local(_) => true,
        Place::Register(register) => register.gpr_number().is_some() || register.vector_number().is_some(),
        Place::Constant(bits) => ty.bytes() > 4 || bits <= u64::from(u32::MAX),
        Place::Flags(_) => ty == ValType::I32,
    }
}

/// Whether a local of this type can be in this place.
pub(super) fn local_fits(ty: ValType, place: Place) -> bool {
    let vector = matches!(place, Place::Register(r) if r.vector_number().is_some_and(|n| n > 15));
    !vector && !matches!(place, Place::Flags(_)) && operand_fits(ty, place)
}

/// What a step needs to know of its function.
pub(super) struct Locals<'a> {
    /// (first local behind the group, type), in order.
    pub(super) groups: &'a [(u32, ValType)],
}

impl Locals<'_> {
    pub(super) fn ty(&self, local: u32) -> Option<ValType> {
        let group = self.groups.partition_point(|(end, _)| *end <= local);
        self.groups.get(group).map(|(_, ty)| *ty)
    }

    pub(super) fn count(&self) -> u32 {
        self.groups.last().map_or(0, |(end, _)| *end)
    }
}

/// Reads one step and takes it.
pub(super) fn apply(
    cursor: &mut Cursor<'_>,
    locals: &Locals<'_>,
    state: &mut SiteState,
) -> Result<(), MapError> {
    let mut step = Step { start: cursor.position(), cursor, locals, state };
    let byte = step.byte()?;
    match byte {
        0x00..0x50 => step.push_register(byte),
        PUSH_LOCAL..LOCAL_GPR => step.push_copy(u32::from(byte - PUSH_LOCAL)),
        LOCAL_GPR..POP => step.local_register(byte),
        POP..PUSH_HOME => step.pop(u32::from(byte - POP) + 1),
        PUSH_HOME..PUSH_CONSTANT => step.push_home(byte),
        PUSH_CONSTANT..LOCAL_HOME => step.push_constant(byte),
        _ => step.rare(byte),
    }
}

struct Step<'c, 'b, 'l, 's> {
    start: usize,
    cursor: &'c mut Cursor<'b>,
    locals: &'l Locals<'l>,
    state: &'s mut SiteState,
}

impl Step<'_, '_, '_, '_> {
    fn byte(&mut self) -> Result<u8, MapError> {
        self.cursor.byte().map_err(|broken| MapError::broken(broken, self.start))
    }

    fn number(&mut self) -> Result<u64, MapError> {
        self.cursor.u64().map_err(|broken| MapError::broken(broken, self.start))
    }

    fn u32(&mut self) -> Result<u32, MapError> {
        self.cursor.u32().map_err(|broken| MapError::broken(broken, self.start))
    }

    fn bad_slot(&self, slot: Slot) -> MapError {
        MapError::BadSlot { offset: offset(self.start), slot }
    }

    fn unknown(&self, byte: u8) -> MapError {
        MapError::UnknownByte { offset: offset(self.start), byte }
    }

    fn push(&mut self, ty: ValType, place: Place) -> Result<(), MapError> {
        self.state.operands.push(Operand { ty, place });
        Ok(())
    }

    fn push_register(&mut self, byte: u8) -> Result<(), MapError> {
        let (ty, first) = PUSH_REGISTER[usize::from(byte >> 4)];
        let number = byte - first;
        let integer = matches!(ty, ValType::I32 | ValType::I64);
        let register = if integer { Register::gpr(number) } else { Register::vector(number) };
        self.push(ty, Place::Register(register.ok_or_else(|| self.unknown(byte))?))
    }

    fn push_copy(&mut self, local: u32) -> Result<(), MapError> {
        let ty = self.local_type(local)?;
        self.push(ty, Place::Local(local))
    }

    fn push_home(&mut self, byte: u8) -> Result<(), MapError> {
        let ty = ValType::from_byte(byte - PUSH_HOME).ok_or_else(|| self.unknown(byte))?;
        self.push(ty, Place::Home)
    }

    fn push_constant(&mut self, byte: u8) -> Result<(), MapError> {
        let ty = ValType::from_byte(byte - PUSH_CONSTANT).ok_or_else(|| self.unknown(byte))?;
        let bits = constant_from_number(ty, self.number()?);
        self.push(ty, Place::Constant(bits))
    }

    fn local_type(&self, local: u32) -> Result<ValType, MapError> {
        self.locals.ty(local).ok_or_else(|| self.bad_slot(Slot::Local(local)))
    }

    fn set_local(&mut self, local: u32, place: Place) -> Result<(), MapError> {
        self.local_type(local)?;
        self.state.set_local(local, place);
        Ok(())
    }

    fn local_register(&mut self, byte: u8) -> Result<(), MapError> {
        let local = self.u32()?;
        let number = byte & 15;
        let register = if byte < LOCAL_VECTOR { Register::gpr(number) } else { Register::vector(number) };
        self.set_local(local, Place::Register(register.ok_or_else(|| self.unknown(byte))?))
    }

    fn pop(&mut self, count: u32) -> Result<(), MapError> {
        let operands = &mut self.state.operands;
        let Some(height) = operands.len().checked_sub(count as usize) else {
            let height = offset(operands.len());
            return Err(self.bad_slot(Slot::Operand(height)));
        };
        operands.truncate(height);
        Ok(())
    }

    fn rare(&mut self, byte: u8) -> Result<(), MapError> {
        match byte {
            LOCAL_HOME => {
                let local = self.u32()?;
                self.set_local(local, Place::Home)
            }
            LOCAL_CONSTANT => {
                let local = self.u32()?;
                let bits = varint::unzigzag(self.number()?).cast_unsigned();
                self.set_local(local, Place::Constant(bits))
            }
            LOCAL_COPY => {
                let local = self.u32()?;
                let other = self.u32()?;
                self.local_type(other)?;
                self.set_local(local, Place::Local(other))
            }
            PUSH_LOCAL_FAR => {
                let local = self.u32()?;
                self.push_copy(local)
            }
            PUSH_ANY => self.push_any(),
            PUSH_FLAGS => self.push_flags(),
            POP_FAR => {
                let more = self.u32()?;
                self.pop(more.saturating_add(NEAR_POP + 1))
            }
            LOCALS_HOME => {
                self.state.locals.clear();
                Ok(())
            }
            OPERANDS_HOME => {
                self.state.operands.iter_mut().for_each(|operand| operand.place = Place::Home);
                Ok(())
            }
            LOCAL_ZEROS => self.zeros(),
            NOTE => {
                self.state.note = self.byte()?;
                Ok(())
            }
            _ => Err(self.unknown(byte)),
        }
    }

    fn push_any(&mut self) -> Result<(), MapError> {
        let [ty, register] = [self.byte()?, self.byte()?];
        let ty = ValType::from_byte(ty).ok_or_else(|| self.unknown(ty))?;
        let place = Register::from_byte(register).map(Place::Register);
        match place.filter(|place| operand_fits(ty, *place)) {
            Some(place) => self.push(ty, place),
            None => Err(self.unknown(register)),
        }
    }

    fn push_flags(&mut self) -> Result<(), MapError> {
        let code = self.byte()?;
        let condition = Condition::new(code).ok_or_else(|| self.unknown(code))?;
        self.push(ValType::I32, Place::Flags(condition))
    }

    fn zeros(&mut self) -> Result<(), MapError> {
        let first = self.u32()?;
        let count = self.u32()?;
        let end = first.checked_add(count).filter(|end| *end <= self.locals.count());
        let end = end.ok_or_else(|| self.bad_slot(Slot::Local(first)))?;
        for local in first..end {
            self.state.set_local(local, Place::Constant(0));
        }
        Ok(())
    }
}
