//! Loads and stores of numbers, and the operators that ask the runtime about memory.

use midstride_asm::{Gpr, Mem, Scale, Shift, Width};
use wasmparser::MemArg;

use super::function::Function;
use super::int::immediate;
use super::regs::{MEMORY, SCRATCH};
use super::results::Length;
use super::values::Source;
use crate::runtime::layout::{Builtin, offset};
use crate::trap::Check;
use crate::types::ValType;

/// Which bytes a load reads, and how they fill the register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    U8,
    U16,
    U32,
    U64,
    S8(Width),
    S16(Width),
    S32,
}

impl Function<'_, '_> {
    /// Takes an address: the memory operand, and the register to be released behind its use.
    pub(crate) fn pop_address(&mut self, memarg: &MemArg) -> (Mem, Gpr) {
        let base = self.pop_source();
        let Ok(disp) = i32::try_from(memarg.offset) else { return self.far_address(base, memarg.offset) };
        match base {
            Source::Gpr(reg) => (Mem::base_index(MEMORY, reg, Scale::X1, disp), reg),
            Source::Const(bits) => self.constant_address(bits + memarg.offset),
            Source::Mem(mem) => {
                self.w.mov_rm(Width::W32, SCRATCH, mem);
                (Mem::base_index(MEMORY, SCRATCH, Scale::X1, disp), SCRATCH)
            }
            Source::Xmm(_) | Source::Flags(_) => (Mem::base(MEMORY, disp), SCRATCH),
        }
    }

    fn constant_address(&mut self, address: u64) -> (Mem, Gpr) {
        if let Ok(disp) = i32::try_from(address) {
            return (Mem::base(MEMORY, disp), SCRATCH);
        }
        self.w.mov_ri(SCRATCH, address);
        (Mem::base_index(MEMORY, SCRATCH, Scale::X1, 0), SCRATCH)
    }

    /// An address whose offset does not fit a displacement.
    fn far_address(&mut self, base: Source, far: u64) -> (Mem, Gpr) {
        match base {
            Source::Gpr(reg) => {
                self.w.mov_ri(SCRATCH, far);
                self.w.lea(Width::W64, SCRATCH, Mem::base_index(SCRATCH, reg, Scale::X1, 0));
                (Mem::base_index(MEMORY, SCRATCH, Scale::X1, 0), reg)
            }
            Source::Const(bits) => self.constant_address(bits + far),
            Source::Mem(mem) => {
                let reg = self.gpr();
                self.w.mov_rm(Width::W32, reg, mem);
                self.far_address(Source::Gpr(reg), far)
            }
            Source::Xmm(_) | Source::Flags(_) => (Mem::base(MEMORY, 0), SCRATCH),
        }
    }

    pub(crate) fn load(&mut self, load: Load, ty: ValType, memarg: &MemArg) {
        let (from, held) = self.pop_address(memarg);
        self.release(held);
        let dst = self.result_gpr(Length::Memory);
        self.trap_site(Check::MemoryAccess);
        match load {
            Load::U8 => self.w.movzx_rm8(dst, from),
            Load::U16 => self.w.movzx_rm16(dst, from),
            Load::U32 => self.w.mov_rm(Width::W32, dst, from),
            Load::U64 => self.w.mov_rm(Width::W64, dst, from),
            Load::S8(width) => self.w.movsx_rm8(width, dst, from),
            Load::S16(width) => self.w.movsx_rm16(width, dst, from),
            Load::S32 => self.w.movsxd_rm(dst, from),
        }
        self.push_gpr(ty, dst);
    }

    pub(crate) fn load_float(&mut self, ty: ValType, memarg: &MemArg) {
        if let Some(form) = self.loading_form(ty) {
            return self.float_load_binary(ty, form, memarg);
        }
        let (from, held) = self.pop_address(memarg);
        let dst = self.result_xmm(None, Length::Memory);
        self.trap_site(Check::MemoryAccess);
        match ty {
            ValType::F32 => self.w.movss_xm(dst, from),
            _ => self.w.movsd_xm(dst, from),
        }
        self.release(held);
        self.push_xmm(ty, dst);
    }

    pub(crate) fn store(&mut self, width: Width, memarg: &MemArg) {
        let value = match self.pop_source() {
            Source::Mem(mem) => {
                let reg = self.gpr();
                self.w.mov_rm(Width::W64, reg, mem);
                Source::Gpr(reg)
            }
            Source::Const(bits) if immediate(width, bits).is_none() => {
                let reg = self.gpr();
                self.w.mov_ri(reg, bits);
                Source::Gpr(reg)
            }
            value => value,
        };
        let (to, held) = self.pop_address(memarg);
        self.trap_site(Check::MemoryAccess);
        match value {
            Source::Gpr(reg) => self.w.mov_mr(width, to, reg),
            Source::Const(bits) => self.w.mov_mi(width, to, low(width, bits)),
            _ => {}
        }
        self.release(held);
        self.release_source(value);
    }

    pub(crate) fn store_float(&mut self, ty: ValType, memarg: &MemArg) {
        let value = self.pop_xmm();
        let (to, held) = self.pop_address(memarg);
        self.trap_site(Check::MemoryAccess);
        match ty {
            ValType::F32 => self.w.movss_mx(to, value),
            _ => self.w.movsd_mx(to, value),
        }
        self.release(held);
        self.release_x(value);
    }

    pub(crate) fn memory_size(&mut self) {
        let dst = self.gpr();
        self.w.mov_rm(Width::W64, dst, Self::context(offset::MEMORY));
        self.w.mov_rm(Width::W64, dst, Mem::base(dst, offset::MEMORY_BYTES));
        self.w.shift_ri(Width::W64, Shift::Shr, dst, 16);
        self.push_gpr(ValType::I32, dst);
    }

    pub(crate) fn memory_grow(&mut self) {
        self.call_runtime(Builtin::MemoryGrow, 1, &[], &[ValType::I32]);
    }
}

/// The part of a constant that a store of this width writes, sign-extended.
fn low(width: Width, bits: u64) -> i32 {
    match width {
        Width::W8 => i32::from(bits as i8),
        Width::W16 => i32::from(bits as i16),
        _ => bits as i32,
    }
}
