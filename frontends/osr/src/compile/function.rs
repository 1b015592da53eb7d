//! One function while it is compiled: where its values are.

use midstride_asm::{Cond, EmitError, Gpr, LooseLabel, Mem, Width, Writer, Xmm};
use midstride_statemap::{Phase, SiteKind};

use super::control::{Control, PinState};
use super::frame::Frame;
use super::pins::{PinSet, Pins};
use super::regs::{CONTEXT, RegSet, SCRATCH, SCRATCH_X};
use super::scan::LoopKind;
use super::sites::{INSIDE, RESUME_NOTE, Sites};
use super::stack::{Entry, OperandStack};
use super::values::width_of;
use crate::engine::Polls;
use crate::info::ModuleInfo;
use crate::runtime::layout::VmLayout;
use crate::trap::Check;
use crate::types::ValType;

/// The shortest instruction that does nothing.
const NOP: u8 = 0x90;

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loc {
    Home,
    Gpr(Gpr),
    Xmm(Xmm),
    /// Not yet anywhere; the bits of a number or null.
    Const(u64),
    /// It is what a local holds.
    Local(u32),
    /// An i32 that is 1 when the condition holds. Only on top, only until the next operator.
    Flags(Cond),
}

/// A call into another function of the module, to be directed when all are placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFixup {
    /// Offset of the 32-bit displacement.
    pub(crate) field: u32,
    pub(crate) target: Callee,
}

/// What a call leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callee {
    /// A function of the module.
    Func(u32),
    /// The way into the runtime.
    Runtime,
    /// The way into functions of other instances and of the host.
    Foreign,
}

/// The start of a loop where code that is stepped can be stopped; offsets in the code.
///
/// Loops that begin at the same place have one: nothing lies between, and what the innermost one's cold code
/// stores and loads suits all ways there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LoopStart {
    pub(crate) header: u32,
    /// The code that asks the runtime whether to go on.
    pub(crate) cold: u32,
    /// The jump from there back to the header.
    pub(crate) back: u32,
}

impl LoopStart {
    /// The same in code that begins at this offset of more.
    pub(crate) fn moved(self, by: u32) -> Self {
        Self { header: self.header + by, cold: self.cold + by, back: self.back + by }
    }
}

/// Code that runs seldom and stands behind the rest.
#[derive(Debug)]
pub(crate) enum Cold {
    /// Asks the runtime whether to go on.
    Poll { from: LooseLabel, back: LooseLabel, pins: PinState, site: u32 },
    /// The same for the start of a loop, to which the thread is stepped.
    Step { header: LooseLabel, pins: PinState, site: u32 },
    /// Traps.
    Trap { from: LooseLabel, site: u32 },
    /// Calls a function of another instance or of the host.
    Foreign { from: LooseLabel, back: LooseLabel, site: u32 },
}

/// Memory that functions use one after the other.
#[derive(Default)]
pub(crate) struct Spare<'m> {
    pub(crate) locals: Vec<ValType>,
    pub(crate) pins: Pins,
    pub(crate) stack: OperandStack,
    pub(crate) controls: Vec<Control<'m>>,
    pub(crate) cold: Vec<Cold>,
    pub(crate) constants: Vec<(u128, LooseLabel)>,
}

/// A function under compilation.
pub(crate) struct Function<'m, 'b> {
    pub(crate) w: Writer<'b>,
    pub(crate) info: &'m ModuleInfo,
    pub(crate) layout: &'m VmLayout,
    pub(crate) frame: Frame,
    pub(crate) locals: Vec<ValType>,
    pub(crate) pins: Pins,
    /// Pinned locals whose register, and whose home, is up to date.
    pub(crate) valid: PinSet,
    pub(crate) dirty: PinSet,
    pub(crate) stack: OperandStack,
    /// Operands below this height are in their homes.
    pub(crate) settled: usize,
    /// How many operands are what a local holds.
    pub(crate) aliases: u32,
    pub(crate) free: RegSet,
    pub(crate) free_x: RegSet,
    pub(crate) controls: Vec<Control<'m>>,
    pub(crate) reachable: bool,
    /// The register whose value the zero flag tells of, if nothing is written behind this offset.
    pub(crate) zero_flag: Option<(Gpr, Width, u32)>,
    /// Whether the top operand is [`Loc::Flags`].
    pub(crate) flags: bool,
    /// Whether the next operator was written with the one before it.
    pub(crate) is_written: bool,
    pub(crate) outgoing: u32,
    /// The module.
    pub(crate) wasm: &'m [u8],
    /// Offset of the current operator in it.
    pub(crate) at: u32,
    pub(crate) sites: &'b mut Sites,
    pub(crate) fixups: &'b mut Vec<CallFixup>,
    pub(crate) cold: Vec<Cold>,
    pub(crate) loop_starts: &'b mut Vec<LoopStart>,
    pub(crate) constants: Vec<(u128, LooseLabel)>,
    /// Those that are still to come.
    pub(crate) loops: &'b [LoopKind],
    /// Offset in the module of the operator at which a frame shall be continued, if in this function.
    pub(crate) resume_at: u32,
    pub(crate) polls: Polls,
}

impl<'m> Function<'m, '_> {
    /// How many bytes were written; and the memory, for the next one.
    pub(crate) fn close(self) -> (Result<usize, EmitError>, Spare<'m>) {
        let Self { w, locals, pins, mut stack, mut controls, mut cold, mut constants, .. } = self;
        stack.clear();
        controls.clear();
        cold.clear();
        constants.clear();
        let spare = Spare { locals, pins, stack, controls, cold, constants };
        (w.finish().map(|code| code.bytes().len()), spare)
    }

    /// A field of the context.
    pub(crate) fn context(offset: i32) -> Mem {
        Mem::base(CONTEXT, offset)
    }

    pub(crate) fn push(&mut self, ty: ValType, loc: Loc) {
        self.aliases += u32::from(matches!(loc, Loc::Local(_)));
        self.stack.push(Entry { ty, loc });
    }

    pub(crate) fn push_gpr(&mut self, ty: ValType, reg: Gpr) {
        self.push(ty, Loc::Gpr(reg));
    }

    pub(crate) fn push_xmm(&mut self, ty: ValType, reg: Xmm) {
        self.push(ty, Loc::Xmm(reg));
    }

    /// Takes the top operand: its register, if it has one, now belongs to the caller, who
    /// [releases](Self::release) it or pushes it again.
    pub(crate) fn pop(&mut self) -> Entry {
        let entry = self.stack.pop();
        self.aliases -= u32::from(matches!(entry.loc, Loc::Local(_)));
        self.settled = self.settled.min(self.stack.len());
        entry
    }

    /// The home of the operand that was taken last, or of the one before it and so on.
    pub(crate) fn home_of_taken(&self, nth_last: usize) -> Mem {
        self.frame.operand(self.stack.len() + nth_last)
    }

    // Registers.

    /// A free register for integers; an operand may go home for it.
    pub(crate) fn gpr(&mut self) -> Gpr {
        loop {
            if let Some(reg) = self.free.any().and_then(Gpr::from_number) {
                self.free = self.free.without(reg.number());
                return reg;
            }
            if !self.evict(|loc| matches!(loc, Loc::Gpr(_))) {
                return SCRATCH;
            }
        }
    }

    /// A free register for floats and vectors.
    pub(crate) fn xmm(&mut self) -> Xmm {
        loop {
            if let Some(reg) = self.free_x.any().and_then(Xmm::from_number) {
                self.free_x = self.free_x.without(reg.number());
                return reg;
            }
            if !self.evict(|loc| matches!(loc, Loc::Xmm(_))) {
                return SCRATCH_X;
            }
        }
    }

    /// Makes exactly this register free, and takes it.
    pub(crate) fn claim(&mut self, reg: Gpr) {
        if !self.free.has(reg.number()) {
            let holder = self.stack.iter().position(|entry| entry.loc == Loc::Gpr(reg));
            if let Some(height) = holder {
                self.send_home(height);
            }
        }
        self.free = self.free.without(reg.number());
    }

    /// As [`claim`](Self::claim).
    pub(crate) fn claim_x(&mut self, reg: Xmm) {
        if !self.free_x.has(reg.number()) {
            let holder = self.stack.iter().position(|entry| entry.loc == Loc::Xmm(reg));
            if let Some(height) = holder {
                self.send_home(height);
            }
        }
        self.free_x = self.free_x.without(reg.number());
    }

    /// Gives a register back; one that is not for operands is ignored.
    pub(crate) fn release(&mut self, reg: Gpr) {
        if reg != SCRATCH && !self.pins.has_gpr(reg) {
            self.free = self.free.with(reg.number());
        }
    }

    /// As [`release`](Self::release).
    pub(crate) fn release_x(&mut self, reg: Xmm) {
        if reg.number() < 14 && !self.pins.has_xmm(reg) {
            self.free_x = self.free_x.with(reg.number());
        }
    }

    /// Gives back what an operand holds.
    pub(crate) fn release_entry(&mut self, entry: Entry) {
        match entry.loc {
            Loc::Gpr(reg) => self.release(reg),
            Loc::Xmm(reg) => self.release_x(reg),
            _ => {}
        }
    }

    /// Sends the lowest operand home that is in such a place.
    fn evict(&mut self, place: impl Fn(Loc) -> bool) -> bool {
        let lowest = self.stack[self.settled..].iter().position(|entry| place(entry.loc));
        let Some(height) = lowest else { return false };
        self.send_home(self.settled + height);
        true
    }

    // Homes.

    /// Stores an operand in its home.
    pub(crate) fn send_home(&mut self, height: usize) {
        let entry = self.stack[height];
        let home = self.frame.operand(height);
        self.store_entry(entry, home);
        self.release_entry(entry);
        self.aliases -= u32::from(matches!(entry.loc, Loc::Local(_)));
        self.stack.set_loc(height, Loc::Home);
    }

    /// Sends all operands home.
    pub(crate) fn settle(&mut self) {
        for height in self.settled..self.stack.len() {
            if self.stack[height].loc != Loc::Home {
                self.send_home(height);
            }
        }
        self.settled = self.stack.len();
    }

    /// Stores an operand's value, wherever it is but at home, at `home`. Changes no flags.
    pub(crate) fn store_entry(&mut self, entry: Entry, home: Mem) {
        match entry.loc {
            Loc::Home => {}
            Loc::Gpr(reg) => self.w.mov_mr(Width::W64, home, reg),
            Loc::Xmm(reg) => self.store_xmm(entry.ty, home, reg),
            Loc::Const(bits) if entry.ty == ValType::I32 => self.w.mov_mi(Width::W32, home, bits as i32),
            Loc::Const(bits) => self.store_const(home, bits),
            Loc::Local(local) => self.store_local_at(local, home),
            Loc::Flags(cond) => {
                self.w.setcc_r(cond, SCRATCH);
                self.w.movzx_rr8(SCRATCH, SCRATCH);
                self.w.mov_mr(Width::W64, home, SCRATCH);
            }
        }
    }

    fn store_const(&mut self, home: Mem, bits: u64) {
        if let Ok(value) = i32::try_from(bits.cast_signed()) {
            self.w.mov_mi(Width::W64, home, value);
        } else {
            self.w.mov_ri(SCRATCH, bits);
            self.w.mov_mr(Width::W64, home, SCRATCH);
        }
    }

    fn store_local_at(&mut self, local: u32, home: Mem) {
        let ty = self.locals[local as usize];
        match self.local_loc(local) {
            Loc::Gpr(reg) => self.w.mov_mr(Width::W64, home, reg),
            Loc::Xmm(reg) => self.store_xmm(ty, home, reg),
            _ if ty == ValType::V128 => {
                self.w.movups_xm(SCRATCH_X, self.frame.local(local));
                self.w.movups_mx(home, SCRATCH_X);
            }
            _ => {
                self.w.mov_rm(Width::W64, SCRATCH, self.frame.local(local));
                self.w.mov_mr(Width::W64, home, SCRATCH);
            }
        }
    }

    /// Stores a vector register's value of this type.
    pub(crate) fn store_xmm(&mut self, ty: ValType, to: Mem, reg: Xmm) {
        match ty {
            ValType::V128 => self.w.movups_mx(to, reg),
            _ => self.w.movsd_mx(to, reg),
        }
    }

    /// Loads a vector register with a value of this type from its home.
    pub(crate) fn load_xmm(&mut self, ty: ValType, reg: Xmm, from: Mem) {
        match ty {
            ValType::V128 => self.w.movups_xm(reg, from),
            _ => self.w.movsd_xm(reg, from),
        }
    }

    // Locals.

    /// Where a local is: in its register, if that is up to date, or at home.
    pub(crate) fn local_loc(&self, local: u32) -> Loc {
        match self.pins.of(local) {
            Some(pin) if self.valid.has(pin) => self.pins.loc(pin),
            _ => Loc::Home,
        }
    }

    /// Copies operands that are what `local` holds, since it will change.
    pub(crate) fn detach(&mut self, local: u32) {
        if self.aliases == 0 {
            return;
        }
        for height in self.settled..self.stack.len() {
            if self.stack[height].loc == Loc::Local(local) {
                self.copy_alias(height);
            }
        }
    }

    fn copy_alias(&mut self, height: usize) {
        let entry = self.stack[height];
        if entry.ty.is_vector_class() && self.free_x == RegSet::default()
            || !entry.ty.is_vector_class() && self.free == RegSet::default()
        {
            return self.send_home(height);
        }
        let loc = if entry.ty.is_vector_class() {
            let reg = self.xmm();
            self.move_to_xmm(entry, Mem::base(Gpr::Rbp, 0), reg);
            Loc::Xmm(reg)
        } else {
            let reg = self.gpr();
            self.move_to_gpr(entry, Mem::base(Gpr::Rbp, 0), reg);
            Loc::Gpr(reg)
        };
        self.aliases -= 1;
        self.stack.set_loc(height, loc);
    }

    /// Stores these locals in their homes.
    pub(crate) fn store_pins(&mut self, pins: PinSet) {
        for pin in pins.iter() {
            let local = self.pins.local(pin);
            let home = self.frame.local(local);
            match self.pins.loc(pin) {
                Loc::Gpr(reg) => self.w.mov_mr(Width::W64, home, reg),
                Loc::Xmm(reg) => self.store_xmm(self.locals[local as usize], home, reg),
                _ => {}
            }
        }
    }

    /// Loads these locals from their homes.
    pub(crate) fn load_pins(&mut self, pins: PinSet) {
        for pin in pins.iter() {
            let local = self.pins.local(pin);
            let (home, ty) = (self.frame.local(local), self.locals[local as usize]);
            match self.pins.loc(pin) {
                Loc::Gpr(reg) => self.w.mov_rm(width_of(ty), reg, home),
                Loc::Xmm(reg) => self.load_xmm(ty, reg, home),
                _ => {}
            }
        }
    }

    // Sites.

    /// Records the state at the instruction written next, operands taken by the operator included; its
    /// number.
    pub(crate) fn trap_site(&mut self, check: Check) -> u32 {
        let code = self.w.offset().get() + INSIDE;
        self.sites.check(code, self.at, check, self.stack.at_site(), (&self.pins, self.dirty))
    }

    /// Jumps away to trap if the condition holds.
    pub(crate) fn trap_if(&mut self, cond: Cond, check: Check) {
        let site = self.trap_site(check);
        let mut from = LooseLabel::new();
        self.w.jcc_loose(cond, &mut from);
        self.cold.push(Cold::Trap { from, site });
    }

    /// Makes the operator at hand one that can be continued at: everything is at home.
    pub(crate) fn make_resumable(&mut self) {
        self.settle();
        self.store_pins(self.dirty);
        (self.valid, self.dirty) = (PinSet::EMPTY, PinSet::EMPTY);
        // No other site shall have the same offset.
        self.w.bytes(&[NOP]);
        self.home_site(SiteKind { phase: Phase::Trap, note: RESUME_NOTE }, self.stack.len());
    }

    /// Records a site where everything is at home, with the lowest `height` operands; its number.
    pub(crate) fn home_site(&mut self, kind: SiteKind, height: usize) -> u32 {
        let code = self.w.offset().get();
        self.sites.at_home(code, self.at, kind, self.stack.at_site_below(height))
    }
}
