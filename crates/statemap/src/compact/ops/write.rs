//! Appends steps.

use alloc::vec::Vec;

use midstride_frame::Register;

use super::{
    LOCAL_CONSTANT, LOCAL_COPY, LOCAL_GPR, LOCAL_HOME, LOCAL_VECTOR, LOCAL_ZEROS, LOCALS_HOME, NEAR_POP,
    NOTE, OPERANDS_HOME, POP, POP_FAR, PUSH_ANY, PUSH_CONSTANT, PUSH_FLAGS, PUSH_HOME, PUSH_LOCAL,
    PUSH_LOCAL_FAR, PUSH_REGISTER, constant_to_number,
};
use crate::compact::site::{Operand, Place};
use crate::value::ValType;
use crate::varint;

/// Appends the pop of `count` operands; how many steps that is.
#[inline]
pub(in crate::compact) fn pop(out: &mut Vec<u8>, count: u32) -> u32 {
    match count {
        0 => return 0,
        1..=NEAR_POP => out.push(POP + (count - 1) as u8),
        _ => numbered(out, POP_FAR, u64::from(count - NEAR_POP - 1)),
    }
    1
}

/// Appends the step that brings all locals home.
pub(in crate::compact) fn locals_home(out: &mut Vec<u8>) {
    out.push(LOCALS_HOME);
}

/// Appends the step that brings all operands home.
pub(in crate::compact) fn operands_home(out: &mut Vec<u8>) {
    out.push(OPERANDS_HOME);
}

/// Appends a push. The place must be possible for the type (`operand_fits`).
#[inline]
pub(in crate::compact) fn push(out: &mut Vec<u8>, operand: Operand) {
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

#[inline]
fn push_register(out: &mut Vec<u8>, ty: ValType, register: Register) {
    let number = match ty {
        ValType::I32 | ValType::I64 => register.gpr_number(),
        ValType::F32 | ValType::F64 | ValType::V128 => register.vector_number().filter(|number| *number < 16),
        ValType::FuncRef | ValType::ExternRef => None,
    };
    match (number, PUSH_REGISTER.get(usize::from(ty.to_byte()))) {
        (Some(number), Some((_, first))) => out.push(first + number),
        _ => out.extend([PUSH_ANY, ty.to_byte(), register.to_byte()]),
    }
}

/// Appends where a local is now. The place must be possible for its type.
#[inline]
pub(in crate::compact) fn local(out: &mut Vec<u8>, index: u32, place: Place) {
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
pub(in crate::compact) fn zeros(out: &mut Vec<u8>, first: u32, count: u32) {
    numbered(out, LOCAL_ZEROS, u64::from(first));
    varint::put(out, u64::from(count));
}

/// Appends the site's note; how many steps that is.
#[inline]
pub(in crate::compact) fn note(out: &mut Vec<u8>, note: u8) -> u32 {
    if note != 0 {
        out.extend([NOTE, note]);
    }
    u32::from(note != 0)
}

#[inline]
fn numbered(out: &mut Vec<u8>, step: u8, number: u64) {
    out.push(step);
    varint::put(out, number);
}
