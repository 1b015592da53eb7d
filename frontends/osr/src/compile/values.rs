//! Operands as instructions read them.

use midstride_asm::{Cond, Gpr, LooseLabel, Mem, Width, Xmm};

use super::function::{Function, Loc};
use super::pins::PinSet;
use super::stack::Entry;
use crate::types::ValType;

/// The width of an integer or a reference.
pub(crate) fn width_of(ty: ValType) -> Width {
    if ty == ValType::I32 { Width::W32 } else { Width::W64 }
}

/// Where a value can be read from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Gpr(Gpr),
    Xmm(Xmm),
    Mem(Mem),
    Const(u64),
    Flags(Cond),
}

impl Function<'_, '_> {
    /// Moves a value to a register; `home` is where it is if it is at home. Changes no flags.
    pub(crate) fn move_to_gpr(&mut self, entry: Entry, home: Mem, to: Gpr) {
        let source = self.resolve(entry.loc, home);
        self.read_to_gpr(entry.ty, source, to);
    }

    fn read_to_gpr(&mut self, ty: ValType, source: Source, to: Gpr) {
        match source {
            Source::Gpr(reg) if reg == to => {}
            Source::Gpr(reg) => self.w.mov_rr(width_of(ty), to, reg),
            Source::Mem(mem) => self.w.mov_rm(width_of(ty), to, mem),
            Source::Const(bits) => self.w.mov_ri(to, bits),
            Source::Xmm(reg) => self.w.movq_rx(to, reg),
            Source::Flags(cond) => {
                self.w.setcc_r(cond, to);
                self.w.movzx_rr8(to, to);
            }
        }
    }

    /// As [`move_to_gpr`](Self::move_to_gpr), for floats and vectors.
    pub(crate) fn move_to_xmm(&mut self, entry: Entry, home: Mem, to: Xmm) {
        let source = self.resolve(entry.loc, home);
        self.read_to_xmm(entry.ty, source, to);
    }

    fn read_to_xmm(&mut self, ty: ValType, source: Source, to: Xmm) {
        match source {
            Source::Xmm(reg) if reg == to => {}
            Source::Xmm(reg) => self.w.movaps_xx(to, reg),
            Source::Mem(mem) => self.load_xmm(ty, to, mem),
            Source::Gpr(reg) => self.w.movq_xr(to, reg),
            Source::Const(bits) => self.xmm_const(to, bits),
            Source::Flags(_) => {}
        }
    }

    /// Puts 8 bytes into a vector register.
    pub(super) fn xmm_const(&mut self, to: Xmm, bits: u64) {
        if bits == 0 {
            return self.w.xorps_xx(to, to);
        }
        let place = self.constant_place(bits.into());
        self.w.vmovsd_loose(to, &mut self.constants[place].1);
    }

    /// The place among the constants behind the code of these bits.
    pub(super) fn constant_place(&mut self, bits: u128) -> usize {
        /// So many are looked through: a function may have thousands.
        const LOOK_BACK: usize = 32;
        let first = self.constants.len().saturating_sub(LOOK_BACK);
        let known = self.constants[first..].iter().position(|(known, _)| *known == bits);
        known.map_or_else(
            || {
                self.constants.push((bits, LooseLabel::new()));
                self.constants.len() - 1
            },
            |place| first + place,
        )
    }

    /// Where a value can be read from.
    pub(crate) fn resolve(&self, loc: Loc, home: Mem) -> Source {
        match loc {
            Loc::Home => Source::Mem(home),
            Loc::Gpr(reg) => Source::Gpr(reg),
            Loc::Xmm(reg) => Source::Xmm(reg),
            Loc::Const(bits) => Source::Const(bits),
            Loc::Flags(cond) => Source::Flags(cond),
            Loc::Local(local) => match self.local_loc(local) {
                Loc::Gpr(reg) => Source::Gpr(reg),
                Loc::Xmm(reg) => Source::Xmm(reg),
                _ => Source::Mem(self.frame.local(local)),
            },
        }
    }

    /// Where a value is, a local's own included.
    pub(super) fn place_of(&self, loc: Loc) -> Loc {
        match loc {
            Loc::Local(local) => self.local_loc(local),
            loc => loc,
        }
    }

    /// Where a local can be read from. If it is pinned that is its register, where later uses find it.
    fn warm(&mut self, local: u32) -> Source {
        let Some(pin) = self.pins.of(local) else { return Source::Mem(self.frame.local(local)) };
        if !self.valid.has(pin) {
            self.load_pins(PinSet::of(pin));
            self.valid = self.valid.with(pin);
        }
        match self.pins.loc(pin) {
            Loc::Xmm(reg) => Source::Xmm(reg),
            Loc::Gpr(reg) => Source::Gpr(reg),
            _ => Source::Mem(self.frame.local(local)),
        }
    }

    /// Takes the top operand as something to read.
    pub(crate) fn pop_source(&mut self) -> Source {
        let entry = self.pop();
        match entry.loc {
            Loc::Gpr(reg) => Source::Gpr(reg),
            Loc::Xmm(reg) => Source::Xmm(reg),
            Loc::Const(bits) => Source::Const(bits),
            Loc::Flags(cond) => Source::Flags(cond),
            Loc::Home => Source::Mem(self.home_of_taken(0)),
            Loc::Local(local) => self.warm(local),
        }
    }

    /// Gives back the register of a source that was popped.
    pub(crate) fn release_source(&mut self, source: Source) {
        match source {
            Source::Gpr(reg) => self.release(reg),
            Source::Xmm(reg) => self.release_x(reg),
            _ => {}
        }
    }

    /// Takes the top operand into a register that may be read only.
    pub(crate) fn pop_gpr(&mut self) -> Gpr {
        match self.pop_source() {
            Source::Gpr(reg) => reg,
            source => self.own_gpr(source),
        }
    }

    /// Takes the top operand into a register that may be changed.
    pub(crate) fn pop_own_gpr(&mut self) -> Gpr {
        match self.pop_source() {
            Source::Gpr(reg) if self.is_own(reg) => reg,
            source => self.own_gpr(source),
        }
    }

    /// Copies the operand that was taken last to a register that may be changed.
    fn own_gpr(&mut self, source: Source) -> Gpr {
        let reg = self.gpr();
        self.copy_taken(source, reg);
        reg
    }

    /// Copies the operand that was taken last.
    pub(super) fn copy_taken(&mut self, source: Source, to: Gpr) {
        let ty = self.stack.last_taken().map_or(ValType::I64, |entry| entry.ty);
        self.read_to_gpr(ty, source, to);
    }

    /// As [`pop_gpr`](Self::pop_gpr), for floats and vectors.
    pub(crate) fn pop_xmm(&mut self) -> Xmm {
        match self.pop_source() {
            Source::Xmm(reg) => reg,
            source => {
                let ty = self.stack.last_taken().map_or(ValType::V128, |entry| entry.ty);
                let reg = self.xmm();
                self.read_to_xmm(ty, source, reg);
                reg
            }
        }
    }

    /// A register for a result that may be the one `source` has, if that is an operand's own.
    pub(crate) fn reuse_x(&mut self, source: Xmm) -> Xmm {
        if source.number() < 14 && !self.pins.has_xmm(source) { source } else { self.xmm() }
    }
}
