//! A function's beginning and end.

use std::ops::Range;

use midstride_asm::{Alu, Cond, Gpr, Mem, Width, Xmm};
use midstride_statemap::Phase;

use super::control::PinState;
use super::frame::Frame;
use super::function::{CallFixup, Callee, Cold, Function, Loc, LoopStart};
use super::pins::{Arrival, arrivals};
use super::regs::{CONTEXT, SCRATCH, SCRATCH_X};
use super::sites::INSIDE;
use crate::runtime::layout::{Builtin, offset};
use crate::trap::Check;
use crate::types::ValType;

/// In the place of a frame's size, which is known only at the end. It must not fit a byte.
const SIZE_UNKNOWN: i32 = 0x7fff_fff0;

/// Where the size of a frame has to be filled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizeFields {
    /// Offset of the immediate of `sub rsp, size`.
    sub: u32,
    /// Offset of the displacement of `lea r11, [rbp - size]`, where there is one.
    lea: Option<u32>,
}

impl SizeFields {
    /// Fills in the size.
    pub(crate) fn fill(self, code: &mut [u8], bytes: i32) {
        let mut put = |field: u32, value: i32| {
            if let Some(field) = code.get_mut(field as usize..field as usize + 4) {
                field.copy_from_slice(&value.to_le_bytes());
            }
        };
        put(self.sub, bytes);
        if let Some(field) = self.lea {
            put(field, -bytes);
        }
    }
}

/// From this many locals or bytes on a frame may not fit the room that is always below the limit.
const MANY_LOCALS: usize = 4096;
const MANY_BYTES: usize = 64 << 10;

impl<'m> Function<'m, '_> {
    /// Writes everything up to the first operator.
    pub(crate) fn begin(
        &mut self,
        params: &'m [ValType],
        results: &'m [ValType],
        body_bytes: usize,
    ) -> SizeFields {
        self.w.push_r(Gpr::Rbp);
        self.w.mov_rr(Width::W64, Gpr::Rbp, Gpr::Rsp);
        let large = self.locals.len() > MANY_LOCALS || body_bytes > MANY_BYTES;
        let lea = large.then(|| self.check_large_frame());
        self.w.alu_ri(Width::W64, Alu::Sub, Gpr::Rsp, SIZE_UNKNOWN);
        let sub = self.w.offset().get() - 4;
        self.w.mov_mr(Width::W64, Mem::base(Gpr::Rbp, -8), CONTEXT);
        self.take_params(params);
        self.clear_locals(params.len());
        self.open_function(results);
        self.poll(Phase::Entry);
        SizeFields { sub, lea }
    }

    /// Traps when the frame does not fit the stack at all.
    fn check_large_frame(&mut self) -> u32 {
        self.w.lea(Width::W64, SCRATCH, Mem::base(Gpr::Rbp, -SIZE_UNKNOWN));
        let field = self.w.offset().get() - 4;
        self.w.alu_rm(Width::W64, Alu::Cmp, SCRATCH, Self::context(offset::STACK_LOW));
        self.trap_if(Cond::Be, Check::StackOverflow);
        field
    }

    /// Parameters that are not pinned to the registers they come in go home.
    fn take_params(&mut self, params: &[ValType]) {
        for ((local, &ty), arrival) in (0..).zip(params).zip(arrivals(params)) {
            let home = self.frame.local(local);
            match arrival {
                Arrival::Memory(k) => self.copy_incoming(ty, Frame::incoming(k), home),
                _ if self.pins.of(local).is_some() => self.begin_pinned(local),
                Arrival::Gpr(reg) => self.w.mov_mr(Width::W64, home, reg),
                Arrival::Xmm(reg) => self.store_xmm(ty, home, reg),
            }
        }
    }

    fn copy_incoming(&mut self, ty: ValType, from: Mem, home: Mem) {
        if ty == ValType::V128 {
            self.w.movups_xm(SCRATCH_X, from);
            self.w.movups_mx(home, SCRATCH_X);
        } else {
            self.w.mov_rm(Width::W64, SCRATCH, from);
            self.w.mov_mr(Width::W64, home, SCRATCH);
        }
    }

    /// A pinned local's register holds its value, its home does not.
    fn begin_pinned(&mut self, local: u32) {
        if let Some(pin) = self.pins.of(local) {
            self.valid = self.valid.with(pin);
            self.dirty = self.dirty.with(pin);
        }
    }

    /// Locals that are no parameters are 0.
    fn clear_locals(&mut self, params: usize) {
        let locals = params as u32..self.locals.len() as u32;
        for local in locals.clone() {
            match self.pins.of(local).map(|pin| self.pins.loc(pin)) {
                Some(Loc::Gpr(reg)) => self.w.alu_rr(Width::W32, Alu::Xor, reg, reg),
                Some(Loc::Xmm(reg)) => self.w.xorps_xx(reg, reg),
                _ => continue,
            }
            self.begin_pinned(local);
        }
        self.clear_homes(locals);
    }

    /// Clears the homes of those that are not pinned.
    fn clear_homes(&mut self, locals: Range<u32>) {
        const FEW: usize = 40;
        let unpinned = || locals.clone().filter(|local| self.pins.of(*local).is_none());
        let (first, last) = (unpinned().next(), unpinned().next_back());
        match (first, last, unpinned().count() > FEW) {
            (Some(first), Some(last), true) => self.clear_range(first, last),
            (None, ..) => {}
            _ => {
                self.w.xorps_xx(SCRATCH_X, SCRATCH_X);
                for local in locals {
                    if self.pins.of(local).is_none() {
                        self.clear_home(local, SCRATCH_X);
                    }
                }
            }
        }
    }

    fn clear_home(&mut self, local: u32, zero: Xmm) {
        let home = self.frame.local(local);
        self.store_xmm(self.locals[local as usize], home, zero);
    }

    /// Clears all homes from `first` to `last`, those of pinned locals too.
    fn clear_range(&mut self, first: u32, last: u32) {
        let words = (self.frame.offset(first) - self.frame.offset(last) + self.frame.stride()) / 8;
        self.w.lea(Width::W64, Gpr::Rdi, self.frame.local(last));
        self.w.mov_ri(Gpr::Rcx, words as u64);
        self.w.alu_rr(Width::W32, Alu::Xor, Gpr::Rax, Gpr::Rax);
        self.w.rep_stosq();
    }

    /// Writes what stands behind the last operator.
    pub(crate) fn finish(&mut self) {
        let mut cold = std::mem::take(&mut self.cold);
        cold.drain(..).for_each(|cold| self.write_cold(cold));
        self.cold = cold;
        for (bits, label) in &mut self.constants {
            self.w.align(16);
            self.w.bind_loose(label);
            self.w.bytes(&bits.to_le_bytes());
        }
    }

    /// Asks the runtime whether to go on: it has the pinned locals at home meanwhile.
    fn ask_runtime(&mut self, pins: PinState, site: u32) {
        self.store_pins(pins.dirty);
        self.w.mov_ri(Gpr::Rax, Builtin::Poll.offset() as u64);
        self.call_to(Callee::Runtime);
        let reload = self.w.offset().get();
        self.sites.cold(site, reload);
        self.sites.resume(site, reload);
        self.load_pins(pins.valid);
    }

    /// The last loop of those that start at the same place is the innermost.
    fn note_loop(&mut self, start: LoopStart) {
        self.loop_starts.pop_if(|last| last.header == start.header);
        self.loop_starts.push(start);
    }

    fn write_cold(&mut self, cold: Cold) {
        match cold {
            Cold::Poll { mut from, mut back, pins, site } => {
                self.w.bind_loose(&mut from);
                self.ask_runtime(pins, site);
                self.w.jmp_loose(&mut back);
            }
            Cold::Step { mut header, pins, site } => {
                let place = header.place().map_or(0, |place| place.get());
                let cold = self.w.offset().get();
                self.ask_runtime(pins, site);
                self.note_loop(LoopStart { header: place, cold, back: self.w.offset().get() });
                self.w.jmp_loose(&mut header);
            }
            Cold::Trap { mut from, site } => {
                self.w.bind_loose(&mut from);
                self.sites.cold(site, self.w.offset().get() + INSIDE);
                self.w.ud2();
            }
            Cold::Foreign { mut from, mut back, site } => {
                self.w.bind_loose(&mut from);
                self.call_to(Callee::Foreign);
                self.sites.cold(site, self.w.offset().get());
                self.w.jmp_loose(&mut back);
            }
        }
    }
}

/// Directs a call to an offset in the same code.
pub(crate) fn direct_call(code: &mut [u8], fixup: CallFixup, target: u32) {
    let at = fixup.field as usize;
    let disp = target.wrapping_sub(fixup.field + 4);
    if let Some(field) = code.get_mut(at..at + 4) {
        field.copy_from_slice(&disp.to_le_bytes());
    }
}
