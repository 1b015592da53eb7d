//! Between integers and floats in lanes.

use midstride_asm::{FloatCompare, Rounding};

use super::splat;
use crate::compile::function::Function;
use crate::compile::regs::{SCRATCH_X, SCRATCH_X2};
use crate::types::ValType::V128;

/// 2^52: added to a whole number below it, the number is in the low bits.
const TWO_52: u64 = 0x4330_0000_0000_0000;

impl Function<'_, '_> {
    /// NaNs become 0; lanes that are too large, which the instruction makes the lowest number, become the
    /// greatest.
    pub(crate) fn v_trunc_f32_signed(&mut self) {
        let (dst, a) = self.pop_one();
        self.w.vcmpps_xxxi(SCRATCH_X, a, a, FloatCompare::Eq);
        self.w.vpand_xxx(dst, a, SCRATCH_X);
        self.w.vpxor_xxx(SCRATCH_X, SCRATCH_X, dst);
        self.w.vcvttps2dq_xx(dst, dst);
        self.w.vpand_xxx(SCRATCH_X, SCRATCH_X, dst);
        self.w.vpsrad_xxi(SCRATCH_X, SCRATCH_X, 31);
        self.w.vpxor_xxx(dst, dst, SCRATCH_X);
        self.push_xmm(V128, dst);
    }

    /// What lies above 2^31 is converted apart, and added.
    pub(crate) fn v_trunc_f32_unsigned(&mut self) {
        let (dst, a) = self.pop_one();
        self.v_zero(SCRATCH_X);
        self.w.vmaxps_xxx(dst, a, SCRATCH_X);
        self.v_load_constant(SCRATCH_X, splat(0x4f00_0000, 32));
        self.w.vsubps_xxx(SCRATCH_X2, dst, SCRATCH_X);
        self.w.vcmpps_xxxi(SCRATCH_X, SCRATCH_X, SCRATCH_X2, FloatCompare::Le);
        self.w.vcvttps2dq_xx(SCRATCH_X2, SCRATCH_X2);
        self.w.vpxor_xxx(SCRATCH_X2, SCRATCH_X2, SCRATCH_X);
        self.v_zero(SCRATCH_X);
        self.w.vpmaxsd_xxx(SCRATCH_X2, SCRATCH_X2, SCRATCH_X);
        self.w.vcvttps2dq_xx(dst, dst);
        self.w.vpaddd_xxx(dst, dst, SCRATCH_X2);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_trunc_f64_signed(&mut self) {
        let (dst, a) = self.pop_one();
        self.w.vcmppd_xxxi(SCRATCH_X2, a, a, FloatCompare::Eq);
        self.v_load_constant(SCRATCH_X, splat(2_147_483_647f64.to_bits(), 64));
        self.w.vpand_xxx(SCRATCH_X, SCRATCH_X, SCRATCH_X2);
        self.w.vminpd_xxx(dst, a, SCRATCH_X);
        self.w.vcvttpd2dq_xx(dst, dst);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_trunc_f64_unsigned(&mut self) {
        let (dst, a) = self.pop_one();
        self.v_zero(SCRATCH_X2);
        self.w.vmaxpd_xxx(dst, a, SCRATCH_X2);
        self.v_load_constant(SCRATCH_X, splat(4_294_967_295f64.to_bits(), 64));
        self.w.vminpd_xxx(dst, dst, SCRATCH_X);
        self.w.vroundpd_xxi(dst, dst, Rounding::Zero);
        self.v_load_constant(SCRATCH_X, splat(TWO_52, 64));
        self.w.vaddpd_xxx(dst, dst, SCRATCH_X);
        self.w.vshufps_xxxi(dst, dst, SCRATCH_X2, 0x88);
        self.push_xmm(V128, dst);
    }

    /// Both halves of each number, converted apart.
    pub(crate) fn v_convert_i32_unsigned(&mut self) {
        let (dst, a) = self.pop_one();
        self.w.vpslld_xxi(SCRATCH_X, a, 16);
        self.w.vpsrld_xxi(SCRATCH_X, SCRATCH_X, 16);
        self.w.vpsubd_xxx(dst, a, SCRATCH_X);
        self.w.vcvtdq2ps_xx(SCRATCH_X, SCRATCH_X);
        self.w.vpsrld_xxi(dst, dst, 1);
        self.w.vcvtdq2ps_xx(dst, dst);
        self.w.vaddps_xxx(dst, dst, dst);
        self.w.vaddps_xxx(dst, dst, SCRATCH_X);
        self.push_xmm(V128, dst);
    }

    pub(crate) fn v_convert_low_unsigned(&mut self) {
        let (dst, a) = self.pop_one();
        self.v_load_constant(SCRATCH_X, splat(TWO_52 >> 32, 32));
        self.w.vpunpckldq_xxx(dst, a, SCRATCH_X);
        self.v_load_constant(SCRATCH_X, splat(TWO_52, 64));
        self.w.vsubpd_xxx(dst, dst, SCRATCH_X);
        self.push_xmm(V128, dst);
    }
}
