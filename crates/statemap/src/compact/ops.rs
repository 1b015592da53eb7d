//! The steps from one site's state to the next: one byte each, some with a number behind.
//!
//! The alphabet is a table: what compiled code does most has a byte of its own.

mod read;
mod write;

use crate::compact::site::Place;
use crate::value::ValType;
use crate::varint;

pub(super) use read::apply;
pub(super) use write::{local, locals_home, note, operands_home, pop, push, zeros};

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
/// Push a type (byte) in a register (byte, `Register::to_byte`).
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
#[inline]
pub(super) fn operand_fits(ty: ValType, place: Place) -> bool {
    match place {
        Place::Home | Place::Local(_) => true,
        Place::Register(register) => register.gpr_number().is_some() || register.vector_number().is_some(),
        Place::Constant(bits) => ty.bytes() > 4 || bits <= u64::from(u32::MAX),
        Place::Flags(_) => ty == ValType::I32,
    }
}

/// Whether a local of this type can be in this place.
#[inline]
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
    #[inline]
    pub(super) fn ty(&self, local: u32) -> Option<ValType> {
        let group = self.groups.partition_point(|(end, _)| *end <= local);
        self.groups.get(group).map(|(_, ty)| *ty)
    }

    pub(super) fn count(&self) -> u32 {
        self.groups.last().map_or(0, |(end, _)| *end)
    }
}
