//! Instructions with several encodings, of which the shortest is written.

use crate::encode::{Form, Operands};
use crate::mem::Mem;
use crate::op::{Alu, Shift};
use crate::reg::{Gpr, Width};
use crate::writer::Writer;

const ALU_ACC: Form = Form::sized("04+alu+w iz");
const ALU_IMM: Form = Form::sized("80+w /alu iz");
const ALU_IMM8: Form = Form::sized("83 /alu ib");
const LOCK_ALU_IMM: Form = Form::sized("F0 80+w /alu iz");
const LOCK_ALU_IMM8: Form = Form::sized("F0 83 /alu ib");
const TEST_ACC: Form = Form::sized("A8+w iz");
const TEST_IMM: Form = Form::sized("F6+w /0 iz");
const IMUL_IMM: Form = Form::sized("69 /r iz");
const IMUL_IMM8: Form = Form::sized("6B /r ib");
const SHIFT_ONE: Form = Form::sized("D0+w /shift");
const SHIFT_IMM: Form = Form::sized("C0+w /shift ib");
const PUSH_IMM: Form = Form::fixed("68 iz");
const PUSH_IMM8: Form = Form::fixed("6A ib");
const MOV_IMM32: Form = Form::fixed("B8+r iz");
const MOV_IMM32_SIGNED: Form = Form::fixed("REX.W C7 /0 iz");

/// Whether an operand of this width can be had by sign extension of the value's lowest byte.
fn is_imm8(width: Width, value: i32) -> bool {
    let value = match width {
        Width::W8 => return false,
        Width::W16 if value <= 0xffff => i32::from(value as i16),
        _ => value,
    };
    i8::try_from(value).is_ok()
}

/// The lowest byte, to be sign-extended.
fn imm8(value: i32) -> i8 {
    value as i8
}

impl Writer<'_> {
    /// `dst = value`, in 5 to 10 bytes; flags stay — `B8+r id`, `REX.W C7 /0 id` or `REX.W B8+r io`
    pub fn mov_ri(&mut self, dst: Gpr, value: u64) {
        if let Ok(short) = u32::try_from(value) {
            self.emit(MOV_IMM32, Width::W32, Operands::NONE.reg(dst).imm(short));
        } else if let Ok(short) = i32::try_from(value.cast_signed()) {
            self.emit(MOV_IMM32_SIGNED, Width::W32, Operands::NONE.rm(dst).imm(short));
        } else {
            self.movabs(dst, value);
        }
    }

    /// Pushes 8 bytes: `value`, sign-extended — `6A ib`, `68 id`
    pub fn push_i(&mut self, value: i32) {
        if is_imm8(Width::W64, value) {
            self.emit(PUSH_IMM8, Width::W32, Operands::NONE.imm(imm8(value)));
        } else {
            self.emit(PUSH_IMM, Width::W32, Operands::NONE.imm(value));
        }
    }

    /// `dst = dst op value`, sign-extended at W64 — `83 /alu ib`, `04+alu+w iz`, `80+w /alu iz`
    pub fn alu_ri(&mut self, w: Width, op: Alu, dst: Gpr, value: i32) {
        let operands = Operands::NONE.select(op).rm(dst);
        if is_imm8(w, value) {
            self.emit(ALU_IMM8, w, operands.imm(imm8(value)));
        } else if dst == Gpr::Rax {
            self.emit(ALU_ACC, w, operands.imm(value));
        } else {
            self.emit(ALU_IMM, w, operands.imm(value));
        }
    }

    /// `[dst] = [dst] op value`, sign-extended at W64 — `83 /alu ib`, `80+w /alu iz`
    pub fn alu_mi(&mut self, w: Width, op: Alu, dst: Mem, value: i32) {
        let operands = Operands::NONE.select(op).rm(dst);
        if is_imm8(w, value) {
            self.emit(ALU_IMM8, w, operands.imm(imm8(value)));
        } else {
            self.emit(ALU_IMM, w, operands.imm(value));
        }
    }

    /// `[dst] = [dst] op value`, atomic — `F0 83 /alu ib`, `F0 80+w /alu iz`
    pub fn lock_alu_mi(&mut self, w: Width, op: Alu, dst: Mem, value: i32) {
        let operands = Operands::NONE.select(op).rm(dst);
        if is_imm8(w, value) {
            self.emit(LOCK_ALU_IMM8, w, operands.imm(imm8(value)));
        } else {
            self.emit(LOCK_ALU_IMM, w, operands.imm(value));
        }
    }

    /// Flags of `a & value`, sign-extended at W64 — `A8+w iz`, `F6+w /0 iz`
    pub fn test_ri(&mut self, w: Width, a: Gpr, value: i32) {
        let operands = Operands::NONE.rm(a).imm(value);
        if a == Gpr::Rax {
            self.emit(TEST_ACC, w, operands);
        } else {
            self.emit(TEST_IMM, w, operands);
        }
    }

    /// `dst = src * value`, sign-extended at W64 — `6B /r ib`, `69 /r iz`
    pub fn imul_rri(&mut self, w: Width, dst: Gpr, src: Gpr, value: i32) {
        self.imul_imm(w, Operands::NONE.reg(dst).rm(src), value);
    }

    /// `dst = [src] * value`, sign-extended at W64 — `6B /r ib`, `69 /r iz`
    pub fn imul_rmi(&mut self, w: Width, dst: Gpr, src: Mem, value: i32) {
        self.imul_imm(w, Operands::NONE.reg(dst).rm(src), value);
    }

    /// `dst = dst op count`, the count modulo 32 or 64 — `D0+w /shift`, `C0+w /shift ib`
    pub fn shift_ri(&mut self, w: Width, op: Shift, dst: Gpr, count: u8) {
        self.shift_imm(w, Operands::NONE.select(op).rm(dst), count);
    }

    /// `[dst] = [dst] op count`, the count modulo 32 or 64 — `D0+w /shift`, `C0+w /shift ib`
    pub fn shift_mi(&mut self, w: Width, op: Shift, dst: Mem, count: u8) {
        self.shift_imm(w, Operands::NONE.select(op).rm(dst), count);
    }

    fn imul_imm(&mut self, w: Width, operands: Operands, value: i32) {
        if is_imm8(w, value) {
            self.emit(IMUL_IMM8, w, operands.imm(imm8(value)));
        } else {
            self.emit(IMUL_IMM, w, operands.imm(value));
        }
    }

    fn shift_imm(&mut self, w: Width, operands: Operands, count: u8) {
        if count == 1 {
            self.emit(SHIFT_ONE, w, operands);
        } else {
            self.emit(SHIFT_IMM, w, operands.imm(count));
        }
    }
}
