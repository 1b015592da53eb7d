//! Registers of x86-64 as the maps and the System V ABI know them.

use alloc::vec::Vec;

use midstride_frame::Register;
use midstride_frame::sysv::{ArgumentClass, ArgumentPlace, Arguments, Eightbyte};

use crate::value::ValType;

/// Gives arguments of wasm functions their registers, as a C compiler would.
///
/// ```
/// use midstride_statemap::{ValType, machine::ArgumentRegisterAllocator};
/// use midstride_frame::Register;
///
/// let mut arguments = ArgumentRegisterAllocator::default();
/// assert_eq!(arguments.next(ValType::I32), Some(Register::RDI));
/// assert_eq!(arguments.next(ValType::V128), Register::vector(0));
/// assert_eq!(arguments.next(ValType::ExternRef), Some(Register::RSI));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ArgumentRegisterAllocator(Arguments);

impl ArgumentRegisterAllocator {
    /// The register of the next argument; `None`: it is on the stack.
    pub fn next(&mut self, ty: ValType) -> Option<Register> {
        let class = match ty {
            ValType::I32 | ValType::I64 | ValType::FuncRef | ValType::ExternRef => Eightbyte::Integer,
            ValType::F32 | ValType::F64 | ValType::V128 => Eightbyte::Vector,
        };
        match self.0.place(ArgumentClass::One(class)) {
            ArgumentPlace::Register(register) => Some(register),
            _ => None,
        }
    }
}

/// The code of `mov [rsp + offset], register` for 64 bits of a register: `mov` for general registers,
/// `movq` for xmm0 to xmm15 (Intel SDM volume 2, MOV and MOVQ). `None` for other registers.
#[must_use]
pub fn mov_to_stack(register: Register, offset: i32) -> Option<Vec<u8>> {
    // 48 REX.W, 44 REX.R; ModRM 84 is [SIB + disp32] with the register in bits 3 to 5; SIB 24 is rsp.
    let (number, prefix): (u8, &[u8]) = match (register.gpr_number(), register.vector_number()) {
        (Some(number @ 0..8), _) => (number, &[0x48, 0x89]),
        (Some(number), _) => (number, &[0x4c, 0x89]),
        (_, Some(number @ 0..8)) => (number, &[0x66, 0x0f, 0xd6]),
        (_, Some(number @ 8..16)) => (number, &[0x66, 0x44, 0x0f, 0xd6]),
        _ => return None,
    };
    let operand = [0x84 | (number & 7) << 3, 0x24];
    Some([prefix, &operand, &offset.to_le_bytes()].concat())
}
