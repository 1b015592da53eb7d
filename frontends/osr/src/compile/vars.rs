//! Constants, locals, globals, references, selection.

use midstride_asm::{Gpr, LooseLabel, Mem, Width};

use super::function::{Function, Loc};
use super::regs::SCRATCH_X;
use super::values::{Source, width_of};
use crate::types::ValType;

impl Function<'_, '_> {
    pub(crate) fn constant(&mut self, ty: ValType, bits: u64) {
        self.push(ty, Loc::Const(bits));
    }

    pub(crate) fn drop_top(&mut self) {
        let entry = self.pop();
        self.release_entry(entry);
    }

    pub(crate) fn local_get(&mut self, local: u32) {
        let ty = self.locals[local as usize];
        self.push(ty, Loc::Local(local));
    }

    pub(crate) fn local_set(&mut self, local: u32) {
        let entry = self.pop();
        if entry.loc == Loc::Local(local) {
            return;
        }
        self.detach(local);
        let home = self.home_of_taken(0);
        self.assign(local, entry.loc, home);
        self.release_entry(entry);
    }

    /// Gives a local the value at `loc`.
    fn assign(&mut self, local: u32, loc: Loc, home: Mem) {
        let ty = self.locals[local as usize];
        let entry = super::stack::Entry { ty, loc };
        let Some(pin) = self.pins.of(local) else {
            return self.copy_home(entry, home, self.frame.local(local));
        };
        match self.pins.loc(pin) {
            Loc::Gpr(reg) => self.move_to_gpr(entry, home, reg),
            Loc::Xmm(reg) => self.move_to_xmm(entry, home, reg),
            _ => {}
        }
        self.valid = self.valid.with(pin);
        self.dirty = self.dirty.with(pin);
    }

    pub(crate) fn local_tee(&mut self, local: u32) {
        let entry = self.pop();
        if entry.loc == Loc::Local(local) {
            return self.local_get(local);
        }
        self.detach(local);
        let home = self.home_of_taken(0);
        self.assign(local, entry.loc, home);
        if self.pins.of(local).is_some() || !matches!(entry.loc, Loc::Gpr(_) | Loc::Xmm(_)) {
            self.release_entry(entry);
            self.local_get(local);
        } else {
            self.push(entry.ty, entry.loc);
        }
    }

    // Globals.

    /// Where a global is; the address of an imported one is loaded into `via`.
    fn global(&mut self, global: u32, via: Gpr) -> Mem {
        let at = Self::context(self.layout.global(global));
        if !self.layout.is_imported_global(global) {
            return at;
        }
        self.w.mov_rm(Width::W64, via, at);
        Mem::base(via, 0)
    }

    pub(crate) fn global_get(&mut self, global: u32) {
        let ty = self.info.globals[global as usize].ty.content;
        let at = self.global(global, super::regs::SCRATCH);
        if ty.is_vector_class() {
            let reg = self.xmm();
            self.load_xmm(ty, reg, at);
            self.push_xmm(ty, reg);
        } else {
            let reg = self.gpr();
            self.w.mov_rm(width_of(ty), reg, at);
            self.push_gpr(ty, reg);
        }
    }

    pub(crate) fn global_set(&mut self, global: u32) {
        let ty = self.info.globals[global as usize].ty.content;
        if ty.is_vector_class() {
            let value = self.pop_xmm();
            let at = self.global(global, super::regs::SCRATCH);
            self.store_xmm(ty, at, value);
            return self.release_x(value);
        }
        let value = self.pop_gpr();
        let at = self.global(global, super::regs::SCRATCH);
        self.w.mov_mr(width_of(ty), at, value);
        self.release(value);
    }

    // References.

    pub(crate) fn ref_is_null(&mut self) {
        let value = self.pop_gpr();
        self.w.test_rr(Width::W64, value, value);
        self.release(value);
        self.push_flags(midstride_asm::Cond::E);
    }

    pub(crate) fn ref_func(&mut self, func: u32) {
        let dst = self.gpr();
        let at = Self::context(self.layout.func(func));
        if self.layout.is_imported_func(func) {
            self.w.mov_rm(Width::W64, dst, at);
        } else {
            self.w.lea(Width::W64, dst, at);
        }
        self.push_gpr(ValType::FuncRef, dst);
    }

    // Selection.

    pub(crate) fn select(&mut self) {
        let cond = self.pop_condition();
        let ty = self.stack.last().map_or(ValType::I32, |entry| entry.ty);
        if ty.is_vector_class() {
            return self.select_vector(ty, cond);
        }
        let other = match self.pop_source() {
            source @ (Source::Gpr(_) | Source::Mem(_)) => source,
            Source::Const(bits) => {
                let reg = self.gpr();
                self.w.mov_ri(reg, bits);
                Source::Gpr(reg)
            }
            source => source,
        };
        let dst = self.pop_own_gpr();
        match other {
            Source::Gpr(reg) => self.w.cmov_rr(width_of(ty), cond.invert(), dst, reg),
            Source::Mem(mem) => self.w.cmov_rm(width_of(ty), cond.invert(), dst, mem),
            _ => {}
        }
        self.release_source(other);
        self.push_gpr(ty, dst);
    }

    fn select_vector(&mut self, ty: ValType, cond: midstride_asm::Cond) {
        let other = self.pop_xmm();
        let value = self.pop_xmm();
        let dst = self.reuse_x(value);
        let mut over = LooseLabel::new();
        self.w.movaps_xx(SCRATCH_X, value);
        self.w.jcc_loose_short(cond, &mut over);
        self.w.movaps_xx(SCRATCH_X, other);
        self.w.bind_loose(&mut over);
        self.w.movaps_xx(dst, SCRATCH_X);
        self.release_x(other);
        self.push_xmm(ty, dst);
    }
}
