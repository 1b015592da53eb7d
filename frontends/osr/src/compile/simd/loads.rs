//! Loads and stores of vectors and of parts of them.

use midstride_asm::{Mem, Writer, Xmm};
use wasmparser::MemArg;

use super::One;
use crate::compile::function::Function;
use crate::trap::Check;
use crate::types::ValType::V128;

/// How much is loaded before it is spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Bits8,
    Bits16,
    Bits32,
    Bits64,
}

/// Loads a lane.
pub(crate) type LoadLane<'b> = fn(&mut Writer<'b>, Xmm, Xmm, Mem, u8);
/// Stores a lane.
pub(crate) type StoreLane<'b> = fn(&mut Writer<'b>, Mem, Xmm, u8);

/// Nothing to do behind a load that clears the rest.
pub(crate) fn as_it_is(_: &mut Writer<'_>, _: Xmm, _: Xmm) {}

impl<'b> Function<'_, 'b> {
    pub(crate) fn v_load(&mut self, at: &MemArg) {
        let (from, held) = self.pop_address(at);
        let dst = self.xmm();
        self.trap_site(Check::MemoryAccess);
        self.w.movups_xm(dst, from);
        self.release(held);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_store(&mut self, at: &MemArg) {
        let value = self.pop_xmm();
        let (to, held) = self.pop_address(at);
        self.trap_site(Check::MemoryAccess);
        self.w.movups_mx(to, value);
        self.release(held);
        self.release_x(value);
    }

    /// Loads a part and makes a vector of it.
    pub(crate) fn v_load_part(&mut self, part: Part, at: &MemArg, spread: One<'b>) {
        let (from, held) = self.pop_address(at);
        let dst = self.xmm();
        if matches!(part, Part::Bits8 | Part::Bits16) {
            self.v_zero(dst);
        }
        self.trap_site(Check::MemoryAccess);
        match part {
            Part::Bits8 => self.w.vpinsrb_xxmi(dst, dst, from, 0),
            Part::Bits16 => self.w.vpinsrw_xxmi(dst, dst, from, 0),
            Part::Bits32 => self.w.movss_xm(dst, from),
            Part::Bits64 => self.w.movsd_xm(dst, from),
        }
        spread(&mut self.w, dst, dst);
        self.release(held);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_load_lane(&mut self, at: &MemArg, lane: u8, load: LoadLane<'b>) {
        let value = self.pop_xmm();
        let dst = self.reuse_x(value);
        let (from, held) = self.pop_address(at);
        self.trap_site(Check::MemoryAccess);
        load(&mut self.w, dst, value, from, lane);
        self.release(held);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_store_lane(&mut self, at: &MemArg, lane: u8, store: StoreLane<'b>) {
        let value = self.pop_xmm();
        let (to, held) = self.pop_address(at);
        self.trap_site(Check::MemoryAccess);
        store(&mut self.w, to, value, lane);
        self.release(held);
        self.release_x(value);
    }
}
