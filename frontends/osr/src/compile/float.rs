//! Operators on floats.

use midstride_asm::{Alu, Cond, FloatCompare, LooseLabel, Mem, Rounding, Width, Writer, Xmm};
use wasmparser::MemArg;

use super::function::{Function, Loc};
use super::regs::{SCRATCH, SCRATCH_X, SCRATCH_X2};
use super::results::Length;
use super::values::Source;
use crate::trap::Check;
use crate::types::ValType;

/// An instruction with a destination of its own: its form with a register and with memory.
pub(crate) type Triple<'b> = (fn(&mut Writer<'b>, Xmm, Xmm, Xmm), fn(&mut Writer<'b>, Xmm, Xmm, Mem));

/// An instruction with a destination of its own and its right operand in memory.
pub(crate) type LoadingForm<'b> = fn(&mut Writer<'b>, Xmm, Xmm, Mem);

/// How two floats are compared: whether they change places, and the condition behind `ucomis`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// The opcodes of addition; subtraction, multiplication and division follow.
const F32_ADD: u8 = 0x92;
const F64_ADD: u8 = 0xa0;

/// The smaller or the larger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extreme {
    Min,
    Max,
}

/// What is done with a sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    Clear,
    Flip,
}

/// Bits of a float's type.
pub(crate) fn bits(ty: ValType) -> u8 {
    if ty == ValType::F32 { 32 } else { 64 }
}

impl<'b> Function<'_, 'b> {
    /// The top float, in a register or at home.
    fn pop_float_source(&mut self) -> Source {
        match self.pop_source() {
            source @ (Source::Xmm(_) | Source::Mem(_)) => source,
            Source::Const(bits) => {
                let reg = self.xmm();
                self.xmm_const(reg, bits);
                Source::Xmm(reg)
            }
            _ => Source::Xmm(SCRATCH_X),
        }
    }

    pub(crate) fn float_binary(&mut self, ty: ValType, (xxx, xxm): Triple<'b>) {
        if std::mem::take(&mut self.is_written) {
            return;
        }
        let b = self.pop_float_source();
        let a = self.pop_xmm();
        let dst = self.result_xmm(Some(a), Length::Opcode);
        match b {
            Source::Xmm(b) => xxx(&mut self.w, dst, a, b),
            Source::Mem(b) => xxm(&mut self.w, dst, a, b),
            _ => {}
        }
        self.release_source(b);
        self.push_xmm(ty, dst);
    }

    /// The instruction that loads the right operand itself, if the operator behind the load at hand is
    /// arithmetic and the left operand is in a register.
    pub(crate) fn loading_form(&self, ty: ValType) -> Option<LoadingForm<'b>> {
        let forms: [(u8, [LoadingForm<'b>; 4]); 2] = [
            (F32_ADD, [Writer::vaddss_xxm, Writer::vsubss_xxm, Writer::vmulss_xxm, Writer::vdivss_xxm]),
            (F64_ADD, [Writer::vaddsd_xxm, Writer::vsubsd_xxm, Writer::vmulsd_xxm, Writer::vdivsd_xxm]),
        ];
        let (add, forms) = forms[usize::from(ty != ValType::F32)];
        let form = *forms.get(usize::from(self.ahead(Length::Memory)?.first()?.checked_sub(add)?))?;
        let left = self.stack[self.stack.len().checked_sub(2)?];
        matches!(self.place_of(left.loc), Loc::Xmm(_)).then_some(form)
    }

    /// A load and the arithmetic behind it in one instruction.
    pub(crate) fn float_load_binary(&mut self, ty: ValType, form: LoadingForm<'b>, memarg: &MemArg) {
        let (from, held) = self.pop_address(memarg);
        let left = self.pop_xmm();
        let dst = self.result_xmm(Some(left), Length::MemoryAndOpcode);
        self.trap_site(Check::MemoryAccess);
        form(&mut self.w, dst, left, from);
        self.release(held);
        self.push_xmm(ty, dst);
        self.is_written = true;
    }

    pub(crate) fn float_sqrt(&mut self, ty: ValType) {
        let value = self.pop_xmm();
        let dst = self.result_xmm(Some(value), Length::Opcode);
        match ty {
            ValType::F32 => self.w.vsqrtss_xxx(dst, value, value),
            _ => self.w.vsqrtsd_xxx(dst, value, value),
        }
        self.push_xmm(ty, dst);
    }

    pub(crate) fn float_round(&mut self, ty: ValType, mode: Rounding) {
        let value = self.pop_xmm();
        let dst = self.result_xmm(Some(value), Length::Opcode);
        match ty {
            ValType::F32 => self.w.roundss_xxi(dst, value, mode),
            _ => self.w.roundsd_xxi(dst, value, mode),
        }
        self.push_xmm(ty, dst);
    }

    pub(crate) fn float_compare(&mut self, ty: ValType, compare: Compare) {
        let b = self.pop_xmm();
        let a = self.pop_xmm();
        let cond = match compare {
            Compare::Equal | Compare::NotEqual => return self.float_equal(ty, compare, a, b),
            Compare::Greater | Compare::Less => Cond::A,
            Compare::GreaterEqual | Compare::LessEqual => Cond::Ae,
        };
        // Unordered sets CF: "above" is false then; so the greater one is always asked first.
        let (a, b) = if matches!(compare, Compare::Less | Compare::LessEqual) { (b, a) } else { (a, b) };
        match ty {
            ValType::F32 => self.w.ucomiss_xx(a, b),
            _ => self.w.ucomisd_xx(a, b),
        }
        self.release_x(a);
        self.release_x(b);
        self.push_flags(cond);
    }

    /// Equality needs two flags; a mask needs none.
    fn float_equal(&mut self, ty: ValType, compare: Compare, a: Xmm, b: Xmm) {
        let predicate = if compare == Compare::Equal { FloatCompare::Eq } else { FloatCompare::Ne };
        self.w.movaps_xx(SCRATCH_X, a);
        match ty {
            ValType::F32 => self.w.cmpss_xxi(SCRATCH_X, b, predicate),
            _ => self.w.cmpsd_xxi(SCRATCH_X, b, predicate),
        }
        self.release_x(a);
        self.release_x(b);
        let dst = self.gpr();
        self.w.movd_rx(dst, SCRATCH_X);
        self.w.alu_ri(Width::W32, Alu::And, dst, 1);
        self.push_gpr(ValType::I32, dst);
    }

    pub(crate) fn float_extreme(&mut self, ty: ValType, extreme: Extreme) {
        let b = self.pop_xmm();
        let a = self.pop_xmm();
        let dst = self.xmm();
        let [mut differ, mut equal, mut done] = [LooseLabel::new(), LooseLabel::new(), LooseLabel::new()];
        match ty {
            ValType::F32 => self.w.ucomiss_xx(a, b),
            _ => self.w.ucomisd_xx(a, b),
        }
        self.w.jcc_loose_short(Cond::Ne, &mut differ);
        self.w.jcc_loose_short(Cond::Np, &mut equal);
        // A NaN: the sum is one too, and quiet.
        match ty {
            ValType::F32 => self.w.vaddss_xxx(dst, a, b),
            _ => self.w.vaddsd_xxx(dst, a, b),
        }
        self.w.jmp_loose_short(&mut done);
        self.w.bind_loose(&mut equal);
        self.join_zeros(extreme, dst, a, b);
        self.w.jmp_loose_short(&mut done);
        self.w.bind_loose(&mut differ);
        match (ty, extreme) {
            (ValType::F32, Extreme::Min) => self.w.vminss_xxx(dst, a, b),
            (ValType::F32, Extreme::Max) => self.w.vmaxss_xxx(dst, a, b),
            (_, Extreme::Min) => self.w.vminsd_xxx(dst, a, b),
            (_, Extreme::Max) => self.w.vmaxsd_xxx(dst, a, b),
        }
        self.w.bind_loose(&mut done);
        self.release_x(a);
        self.release_x(b);
        self.push_xmm(ty, dst);
    }

    /// Of equal floats only zeros can differ, by their sign.
    fn join_zeros(&mut self, extreme: Extreme, dst: Xmm, a: Xmm, b: Xmm) {
        self.w.movaps_xx(dst, a);
        match extreme {
            Extreme::Min => self.w.orps_xx(dst, b),
            Extreme::Max => self.w.andps_xx(dst, b),
        }
    }

    /// Puts the sign bit of this type into [`SCRATCH_X`].
    fn sign_mask(&mut self, ty: ValType) {
        self.w.mov_ri(SCRATCH, 1 << (bits(ty) - 1));
        self.w.movq_xr(SCRATCH_X, SCRATCH);
    }

    pub(crate) fn float_sign(&mut self, ty: ValType, sign: Sign) {
        let value = self.pop_xmm();
        let dst = self.result_xmm(Some(value), Length::Opcode);
        self.sign_mask(ty);
        match sign {
            Sign::Flip if dst == value => self.w.xorps_xx(dst, SCRATCH_X),
            Sign::Flip => {
                self.w.movaps_xx(dst, value);
                self.w.xorps_xx(dst, SCRATCH_X);
            }
            Sign::Clear => {
                self.w.andnps_xx(SCRATCH_X, value);
                self.w.movaps_xx(dst, SCRATCH_X);
            }
        }
        self.push_xmm(ty, dst);
    }

    pub(crate) fn float_copysign(&mut self, ty: ValType) {
        let sign = self.pop_xmm();
        let value = self.pop_xmm();
        let dst = self.reuse_x(value);
        self.sign_mask(ty);
        self.w.movaps_xx(SCRATCH_X2, SCRATCH_X);
        self.w.andps_xx(SCRATCH_X2, sign);
        self.w.andnps_xx(SCRATCH_X, value);
        self.w.movaps_xx(dst, SCRATCH_X);
        self.w.orps_xx(dst, SCRATCH_X2);
        self.release_x(sign);
        self.push_xmm(ty, dst);
    }

    pub(crate) fn float_demote(&mut self) {
        let value = self.pop_xmm();
        let dst = self.result_xmm(Some(value), Length::Opcode);
        self.w.cvtsd2ss_xx(dst, value);
        self.push_xmm(ValType::F32, dst);
    }

    pub(crate) fn float_promote(&mut self) {
        let value = self.pop_xmm();
        let dst = self.result_xmm(Some(value), Length::Opcode);
        self.w.cvtss2sd_xx(dst, value);
        self.push_xmm(ValType::F64, dst);
    }

    /// The bits of a float as an integer.
    pub(crate) fn float_to_bits(&mut self, to: ValType) {
        let value = self.pop_xmm();
        let dst = self.gpr();
        match to {
            ValType::I32 => self.w.movd_rx(dst, value),
            _ => self.w.movq_rx(dst, value),
        }
        self.release_x(value);
        self.push_gpr(to, dst);
    }

    /// An integer as the bits of a float.
    pub(crate) fn float_from_bits(&mut self, to: ValType) {
        let value = self.pop_gpr();
        let dst = self.xmm();
        match to {
            ValType::F32 => self.w.movd_xr(dst, value),
            _ => self.w.movq_xr(dst, value),
        }
        self.release(value);
        self.push_xmm(to, dst);
    }
}
