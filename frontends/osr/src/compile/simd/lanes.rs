//! Single lanes.

use midstride_asm::{Gpr, Width, Writer, Xmm};

use super::One;
use crate::compile::function::Function;
use crate::types::ValType::{self, F64, I64, V128};

/// How the lane of a small integer becomes an i32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Widen {
    /// It fills the register, or zeros do.
    Zero,
    Sign8,
    Sign16,
}

/// Takes a lane out.
pub(crate) type Extract<'b> = fn(&mut Writer<'b>, Gpr, Xmm, u8);
/// Puts a lane in.
pub(crate) type Insert<'b> = fn(&mut Writer<'b>, Xmm, Xmm, Gpr, u8);

impl<'b> Function<'_, 'b> {
    pub(crate) fn v_splat(&mut self, ty: ValType, spread: One<'b>) {
        let value = self.pop_gpr();
        let dst = self.xmm();
        match ty {
            I64 => self.w.movq_xr(dst, value),
            _ => self.w.movd_xr(dst, value),
        }
        spread(&mut self.w, dst, dst);
        self.release(value);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_splat_float(&mut self, spread: One<'b>) {
        let (dst, value) = self.pop_one();
        spread(&mut self.w, dst, value);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_extract(&mut self, ty: ValType, lane: u8, widen: Widen, extract: Extract<'b>) {
        let a = self.pop_xmm();
        let dst = self.gpr();
        extract(&mut self.w, dst, a, lane);
        match widen {
            Widen::Zero => {}
            Widen::Sign8 => self.w.movsx_rr8(Width::W32, dst, dst),
            Widen::Sign16 => self.w.movsx_rr16(Width::W32, dst, dst),
        }
        self.release_x(a);
        self.push_gpr(ty, dst);
    }

    pub(crate) fn v_extract_float(&mut self, ty: ValType, lane: u8) {
        let (dst, a) = self.pop_one();
        match (ty, lane) {
            (F64, 0) => self.w.movaps_xx(dst, a),
            (F64, _) => self.w.vpunpckhqdq_xxx(dst, a, a),
            _ => self.w.vpshufd_xxi(dst, a, lane),
        }
        self.push_xmm(ty, dst);
    }

    pub(crate) fn v_replace(&mut self, lane: u8, insert: Insert<'b>) {
        let value = self.pop_gpr();
        let (dst, a) = self.pop_one();
        insert(&mut self.w, dst, a, value, lane);
        self.release(value);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_replace_float(&mut self, ty: ValType, lane: u8) {
        let (dst, a, value) = self.pop_pair();
        match (ty, lane) {
            (F64, 0) => {
                self.w.movaps_xx(dst, a);
                self.w.movsd_xx(dst, value);
            }
            (F64, _) => self.w.vpunpcklqdq_xxx(dst, a, value),
            _ => self.w.vinsertps_xxxi(dst, a, value, lane << 4),
        }
        self.finish_pair(dst, value);
    }
}
