//! Operators on integers.

use midstride_asm::{Alu, Cond, Gpr, LooseLabel, Mem, Scale, Shift, Width, Writer};

use super::function::{Function, Loc};
use super::regs::SCRATCH;
use super::results::Length;
use super::values::Source;
use crate::trap::Check;
use crate::types::ValType;

/// Which half of a division is asked for, and of which numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Division {
    SignedQuotient,
    UnsignedQuotient,
    SignedRest,
    UnsignedRest,
}

/// A one-operand instruction with a register or memory as its source.
pub(crate) type UnaryForm<'b> = (fn(&mut Writer<'b>, Width, Gpr, Gpr), fn(&mut Writer<'b>, Width, Gpr, Mem));

/// The integer type of this width.
pub(crate) fn int(width: Width) -> ValType {
    if width == Width::W64 { ValType::I64 } else { ValType::I32 }
}

/// A constant as an immediate of this width.
pub(crate) fn immediate(width: Width, bits: u64) -> Option<i32> {
    match width {
        Width::W64 => i32::try_from(bits.cast_signed()).ok(),
        _ => Some(bits as i32),
    }
}

impl<'b> Function<'_, 'b> {
    /// Whether a register is an operand's own.
    pub(crate) fn is_own(&self, reg: Gpr) -> bool {
        reg != SCRATCH && !self.pins.has_gpr(reg)
    }

    fn top_is_own(&self) -> bool {
        self.stack.last().is_some_and(|entry| matches!(entry.loc, Loc::Gpr(_)))
    }

    /// `dst = dst op source`.
    fn apply(&mut self, op: Alu, width: Width, dst: Gpr, source: Source) {
        match source {
            Source::Gpr(reg) => self.w.alu_rr(width, op, dst, reg),
            Source::Mem(mem) => self.w.alu_rm(width, op, dst, mem),
            Source::Const(bits) => match immediate(width, bits) {
                Some(value) => self.w.alu_ri(width, op, dst, value),
                None => {
                    self.w.mov_ri(SCRATCH, bits);
                    self.w.alu_rr(width, op, dst, SCRATCH);
                }
            },
            Source::Xmm(_) | Source::Flags(_) => {}
        }
    }

    pub(crate) fn alu(&mut self, op: Alu, width: Width) {
        let rhs = self.pop_source();
        let (dst, other) = match rhs {
            Source::Gpr(reg) if self.is_own(reg) && !self.top_is_own() && op != Alu::Sub => {
                (reg, self.pop_source())
            }
            Source::Gpr(reg) if op != Alu::Sub && self.is_awaiting(reg) => (reg, self.pop_source()),
            _ => (self.pop_to_result(rhs), rhs),
        };
        self.apply(op, width, dst, other);
        self.zero_flag = Some((dst, width, self.w.offset().get()));
        self.release_source(other);
        self.push_gpr(int(width), dst);
    }

    /// Makes the zero flag tell whether a register is 0; other flags may be anything.
    pub(crate) fn test_zero(&mut self, width: Width, reg: Gpr) {
        if self.zero_flag != Some((reg, width, self.w.offset().get())) {
            self.w.test_rr(width, reg, reg);
        }
    }

    pub(crate) fn add(&mut self, width: Width) {
        let rhs = match self.stack.last().map(|entry| entry.loc) {
            Some(Loc::Const(bits)) => immediate(width, bits).map(Source::from_imm),
            Some(Loc::Local(local)) => match self.local_loc(local) {
                Loc::Gpr(reg) => Some(Source::Gpr(reg)),
                _ => None,
            },
            _ => None,
        };
        match rhs {
            Some(rhs) if self.second_is_local() => self.add_lea(width, rhs),
            _ => self.alu(Alu::Add, width),
        }
    }

    fn second_is_local(&self) -> bool {
        let second = self.stack.len().checked_sub(2).map(|at| self.stack[at].loc);
        matches!(second, Some(Loc::Local(_)))
    }

    /// Adds without changing either operand.
    fn add_lea(&mut self, width: Width, rhs: Source) {
        self.pop();
        let lhs = self.pop_gpr();
        let dst = if self.is_own(lhs) { lhs } else { self.result_gpr(Length::Opcode) };
        let sum = match rhs {
            Source::Gpr(reg) => Mem::base_index(lhs, reg, Scale::X1, 0),
            Source::Const(bits) => Mem::base(lhs, bits as i32),
            _ => Mem::base(lhs, 0),
        };
        self.w.lea(width, dst, sum);
        self.push_gpr(int(width), dst);
    }

    pub(crate) fn mul(&mut self, width: Width) {
        let rhs = self.pop_source();
        if let Source::Const(bits) = rhs
            && let Some(value) = immediate(width, bits)
        {
            return self.mul_const(width, value);
        }
        let dst = self.pop_to_result(rhs);
        match rhs {
            Source::Gpr(reg) => self.w.imul_rr(width, dst, reg),
            Source::Mem(mem) => self.w.imul_rm(width, dst, mem),
            Source::Const(bits) => {
                self.w.mov_ri(SCRATCH, bits);
                self.w.imul_rr(width, dst, SCRATCH);
            }
            Source::Xmm(_) | Source::Flags(_) => {}
        }
        self.release_source(rhs);
        self.push_gpr(int(width), dst);
    }

    fn mul_const(&mut self, width: Width, value: i32) {
        let lhs = self.pop_source();
        let dst = match lhs {
            Source::Gpr(reg) if self.is_own(reg) => reg,
            _ => self.result_gpr(Length::Opcode),
        };
        match lhs {
            Source::Gpr(reg) => self.w.imul_rri(width, dst, reg, value),
            Source::Mem(mem) => self.w.imul_rmi(width, dst, mem, value),
            Source::Const(bits) => {
                self.w.mov_ri(dst, bits);
                self.w.imul_rri(width, dst, dst, value);
            }
            Source::Xmm(_) | Source::Flags(_) => {}
        }
        self.push_gpr(int(width), dst);
    }

    // Comparisons.

    /// Leaves the condition on the flags as the top operand.
    pub(crate) fn push_flags(&mut self, cond: Cond) {
        self.push(ValType::I32, Loc::Flags(cond));
        self.flags = true;
    }

    /// Makes the top operand, a condition on the flags, a value.
    pub(crate) fn keep_flags(&mut self) {
        self.flags = false;
        let Some(Loc::Flags(cond)) = self.stack.last().map(|entry| entry.loc) else { return };
        let reg = self.gpr();
        self.w.setcc_r(cond, reg);
        self.w.movzx_rr8(reg, reg);
        self.stack.set_loc(self.stack.len() - 1, Loc::Gpr(reg));
    }

    pub(crate) fn compare(&mut self, cond: Cond, width: Width) {
        let rhs = self.pop_source();
        let lhs = self.pop_source();
        match (lhs, rhs, cond) {
            (Source::Gpr(reg), Source::Const(0), Cond::E | Cond::Ne) => self.test_zero(width, reg),
            _ => self.emit_compare(width, lhs, rhs),
        }
        self.release_source(lhs);
        self.release_source(rhs);
        self.push_flags(cond);
    }

    fn emit_compare(&mut self, width: Width, lhs: Source, rhs: Source) {
        let small = match rhs {
            Source::Const(bits) => immediate(width, bits),
            _ => None,
        };
        match (lhs, rhs, small) {
            (Source::Gpr(a), _, Some(0)) => self.w.test_rr(width, a, a),
            (Source::Gpr(a), _, Some(value)) => self.w.alu_ri(width, Alu::Cmp, a, value),
            (Source::Mem(a), _, Some(value)) => self.w.alu_mi(width, Alu::Cmp, a, value),
            (Source::Gpr(a), Source::Const(bits), None) => {
                self.w.mov_ri(SCRATCH, bits);
                self.w.alu_rr(width, Alu::Cmp, a, SCRATCH);
            }
            (Source::Mem(a), Source::Const(bits), None) => {
                self.w.mov_ri(SCRATCH, bits);
                self.w.alu_mr(width, Alu::Cmp, a, SCRATCH);
            }
            (Source::Gpr(a), _, _) => self.apply(Alu::Cmp, width, a, rhs),
            (Source::Mem(a), Source::Gpr(b), _) => self.w.alu_mr(width, Alu::Cmp, a, b),
            _ => self.compare_loaded(width, lhs, rhs),
        }
    }

    /// Compares when neither operand is in a register.
    fn compare_loaded(&mut self, width: Width, lhs: Source, rhs: Source) {
        let reg = self.gpr();
        match lhs {
            Source::Mem(mem) => self.w.mov_rm(width, reg, mem),
            Source::Const(bits) => self.w.mov_ri(reg, bits),
            _ => {}
        }
        self.apply(Alu::Cmp, width, reg, rhs);
        self.release(reg);
    }

    pub(crate) fn eqz(&mut self, width: Width) {
        if self.flags
            && let Source::Flags(cond) = self.pop_source()
        {
            return self.push_flags(cond.invert());
        }
        let value = self.pop_source();
        match value {
            Source::Gpr(reg) => self.test_zero(width, reg),
            _ => self.emit_compare(width, value, Source::Const(0)),
        }
        self.release_source(value);
        self.push_flags(Cond::E);
    }

    // Shifts.

    pub(crate) fn shift(&mut self, op: Shift, width: Width) {
        let count = self.pop_source();
        if let Source::Const(bits) = count {
            let dst = self.pop_to_result(count);
            self.w.shift_ri(width, op, dst, bits as u8 & (width.bits() - 1));
            return self.push_gpr(int(width), dst);
        }
        let count = self.in_gpr(count);
        match op {
            Shift::Rol | Shift::Ror => self.rotate(op, width, count),
            _ => self.shift_any(op, width, count),
        }
    }

    /// The source in a register; a new one if it is not in one.
    fn in_gpr(&mut self, source: Source) -> Gpr {
        match source {
            Source::Gpr(reg) => reg,
            Source::Mem(mem) => {
                let reg = self.gpr();
                self.w.mov_rm(Width::W64, reg, mem);
                reg
            }
            Source::Const(bits) => {
                let reg = self.gpr();
                self.w.mov_ri(reg, bits);
                reg
            }
            Source::Xmm(_) | Source::Flags(_) => SCRATCH,
        }
    }

    fn shift_any(&mut self, op: Shift, width: Width, count: Gpr) {
        let value = self.pop_source();
        let dst = match value {
            Source::Gpr(reg) if self.is_own(reg) => reg,
            _ => self.result_gpr(Length::Opcode),
        };
        match (value, op) {
            (Source::Mem(mem), Shift::Shl) => self.w.shlx_rmr(width, dst, mem, count),
            (Source::Mem(mem), Shift::Shr) => self.w.shrx_rmr(width, dst, mem, count),
            (Source::Mem(mem), _) => self.w.sarx_rmr(width, dst, mem, count),
            (value, op) => {
                let source = match value {
                    Source::Gpr(reg) => reg,
                    Source::Const(bits) => {
                        self.w.mov_ri(SCRATCH, bits);
                        SCRATCH
                    }
                    _ => SCRATCH,
                };
                match op {
                    Shift::Shl => self.w.shlx_rrr(width, dst, source, count),
                    Shift::Shr => self.w.shrx_rrr(width, dst, source, count),
                    _ => self.w.sarx_rrr(width, dst, source, count),
                }
            }
        }
        self.release(count);
        self.push_gpr(int(width), dst);
    }

    /// Rotates by cl.
    fn rotate(&mut self, op: Shift, width: Width, count: Gpr) {
        self.w.mov_rr(Width::W32, SCRATCH, count);
        self.release(count);
        let mut dst = self.pop_own_gpr();
        if dst == Gpr::Rcx {
            dst = self.gpr();
            self.w.mov_rr(width, dst, Gpr::Rcx);
        } else {
            self.claim(Gpr::Rcx);
        }
        self.w.mov_rr(Width::W32, Gpr::Rcx, SCRATCH);
        self.w.shift_rcl(width, op, dst);
        self.release(Gpr::Rcx);
        self.push_gpr(int(width), dst);
    }

    // Bits and widths.

    pub(crate) fn unary(&mut self, (rr, rm): UnaryForm<'b>, to: Width, result: ValType) {
        let value = self.pop_source();
        let dst = match value {
            Source::Gpr(reg) if self.is_own(reg) => reg,
            _ => self.result_gpr(Length::Opcode),
        };
        match value {
            Source::Mem(mem) => rm(&mut self.w, to, dst, mem),
            value => {
                let source = match value {
                    Source::Gpr(reg) => reg,
                    Source::Const(bits) => {
                        self.w.mov_ri(dst, bits);
                        dst
                    }
                    _ => dst,
                };
                rr(&mut self.w, to, dst, source);
            }
        }
        self.push_gpr(result, dst);
    }

    /// An i32 as an i64, zeros above.
    pub(crate) fn extend_unsigned(&mut self) {
        // Registers hold i32 with zeros above already.
        let reg = self.pop_to_result(Source::Const(0));
        self.push_gpr(ValType::I64, reg);
    }

    // Division.

    pub(crate) fn divide(&mut self, what: Division, width: Width) {
        let divisor = self.place_divisor(width);
        self.place_dividend(width);
        let mut done = LooseLabel::new();
        if what == Division::SignedRest && self.may_be_minus_one() {
            self.skip_minus_one(width, divisor, &mut done);
        }
        match what {
            Division::SignedQuotient | Division::SignedRest if width == Width::W64 => self.w.cqo(),
            Division::SignedQuotient | Division::SignedRest => self.w.cdq(),
            _ => self.w.alu_rr(Width::W32, Alu::Xor, Gpr::Rdx, Gpr::Rdx),
        }
        self.trap_site(Check::Division);
        self.emit_divide(what, width, divisor);
        if done.is_awaited() {
            self.w.bind_loose(&mut done);
        }
        self.finish_divide(what, width, divisor);
    }

    fn may_be_minus_one(&self) -> bool {
        !matches!(self.stack.first_taken().map(|entry| entry.loc), Some(Loc::Const(bits)) if bits as i32 != -1)
    }

    /// Takes the divisor to where a division leaves it alone.
    fn place_divisor(&mut self, width: Width) -> Source {
        match self.pop_source() {
            Source::Gpr(reg @ (Gpr::Rax | Gpr::Rdx)) => {
                self.w.mov_rr(width, SCRATCH, reg);
                self.release(reg);
                self.stack.set_taken_loc(Loc::Gpr(SCRATCH));
                Source::Gpr(SCRATCH)
            }
            Source::Const(bits) => {
                self.w.mov_ri(SCRATCH, bits);
                Source::Gpr(SCRATCH)
            }
            divisor => divisor,
        }
    }

    /// Takes the dividend to rax, and makes rdx free.
    fn place_dividend(&mut self, width: Width) {
        let entry = self.pop();
        let home = self.home_of_taken(0);
        if entry.loc != Loc::Gpr(Gpr::Rax) {
            self.claim(Gpr::Rax);
            self.move_to_gpr(entry, home, Gpr::Rax);
            if let Loc::Gpr(reg) = entry.loc {
                self.release(reg);
                self.stack.set_taken_loc(Loc::Gpr(Gpr::Rax));
            }
        }
        debug_assert!(width >= Width::W32);
        self.claim(Gpr::Rdx);
    }

    /// The rest of a division by -1 is 0; the instruction would fault on the lowest number.
    fn skip_minus_one(&mut self, width: Width, divisor: Source, done: &mut LooseLabel) {
        let mut divide = LooseLabel::new();
        match divisor {
            Source::Mem(mem) => self.w.alu_mi(width, Alu::Cmp, mem, -1),
            Source::Gpr(reg) => self.w.alu_ri(width, Alu::Cmp, reg, -1),
            _ => {}
        }
        self.w.jcc_loose_short(Cond::Ne, &mut divide);
        self.w.alu_rr(Width::W32, Alu::Xor, Gpr::Rdx, Gpr::Rdx);
        self.w.jmp_loose_short(done);
        self.w.bind_loose(&mut divide);
    }

    fn emit_divide(&mut self, what: Division, width: Width, divisor: Source) {
        let signed = matches!(what, Division::SignedQuotient | Division::SignedRest);
        match (divisor, signed) {
            (Source::Mem(mem), true) => self.w.idiv_m(width, mem),
            (Source::Mem(mem), false) => self.w.div_m(width, mem),
            (Source::Gpr(reg), true) => self.w.idiv_r(width, reg),
            (Source::Gpr(reg), false) => self.w.div_r(width, reg),
            _ => {}
        }
    }

    fn finish_divide(&mut self, what: Division, width: Width, divisor: Source) {
        self.release_source(divisor);
        let (result, other) = match what {
            Division::SignedQuotient | Division::UnsignedQuotient => (Gpr::Rax, Gpr::Rdx),
            Division::SignedRest | Division::UnsignedRest => (Gpr::Rdx, Gpr::Rax),
        };
        self.release(other);
        self.push_gpr(int(width), result);
    }
}

impl Source {
    fn from_imm(value: i32) -> Self {
        Self::Const(i64::from(value).cast_unsigned())
    }
}
