//! Floats in all lanes of vector registers at once (Intel SDM vol. 1, 5.13).

use crate::op::{FloatCompare, Rounding};
use crate::reg::Xmm;

forms! {
    "VEX.128.NP.0F.WIG 58 /r"  vaddps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a + b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 58 /r"  vaddpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a + b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 59 /r"  vmulps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a * b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 59 /r"  vmulpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a * b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 5C /r"  vsubps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a - b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 5C /r"  vsubpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a - b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 5E /r"  vdivps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a / b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 5E /r"  vdivpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a / b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 5D /r"  vminps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the lesser, `b` when one is NaN or both are 0, 4 lanes of f32";
    "VEX.128.66.0F.WIG 5D /r"  vminpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the lesser, `b` when one is NaN or both are 0, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 5F /r"  vmaxps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the greater, `b` when one is NaN or both are 0, 4 lanes of f32";
    "VEX.128.66.0F.WIG 5F /r"  vmaxpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the greater, `b` when one is NaN or both are 0, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 54 /r"  vandps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a & b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 54 /r"  vandpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a & b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 55 /r"  vandnps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = !a & b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 55 /r"  vandnpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = !a & b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 56 /r"  vorps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a | b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 56 /r"  vorpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a | b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 57 /r"  vxorps_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a ^ b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 57 /r"  vxorpd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a ^ b`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 51 /r"  vsqrtps_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` square roots of `src`, 4 lanes of f32";
    "VEX.128.66.0F.WIG 51 /r"  vsqrtpd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` square roots of `src`, 2 lanes of f64";
    "VEX.128.NP.0F.WIG 5B /r"  vcvtdq2ps_xx(dst: reg Xmm, src: rm Xmm)  "`dst = src`, signed 32 bits to f32, 4 lanes";
    "VEX.128.F3.0F.WIG 5B /r"  vcvttps2dq_xx(dst: reg Xmm, src: rm Xmm)  "`dst = src`, f32 to signed 32 bits, towards 0; out of range only the top bit set";
    "VEX.128.F3.0F.WIG E6 /r"  vcvtdq2pd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low two of `src`, signed 32 bits to f64";
    "VEX.128.66.0F.WIG E6 /r"  vcvttpd2dq_xx(dst: reg Xmm, src: rm Xmm)  "`dst = src`, f64 to signed 32 bits, towards 0, the upper half cleared";
    "VEX.128.66.0F.WIG 5A /r"  vcvtpd2ps_xx(dst: reg Xmm, src: rm Xmm)  "`dst = src`, f64 to f32, the upper half cleared";
    "VEX.128.NP.0F.WIG 5A /r"  vcvtps2pd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low two of `src`, f32 to f64";
    "VEX.128.NP.0F.WIG C2 /r ib"  vcmpps_xxxi(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm, predicate: select_imm FloatCompare)  "`dst =` all ones where `a predicate b`, 4 lanes of f32";
    "VEX.128.66.0F.WIG C2 /r ib"  vcmppd_xxxi(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm, predicate: select_imm FloatCompare)  "`dst =` all ones where `a predicate b`, 2 lanes of f64";
    "VEX.128.66.0F3A.WIG 08 /r ib"  vroundps_xxi(dst: reg Xmm, src: rm Xmm, mode: select_imm Rounding)  "`dst = src` as whole numbers, 4 lanes of f32";
    "VEX.128.66.0F3A.WIG 09 /r ib"  vroundpd_xxi(dst: reg Xmm, src: rm Xmm, mode: select_imm Rounding)  "`dst = src` as whole numbers, 2 lanes of f64";
    "VEX.128.NP.0F.WIG C6 /r ib"  vshufps_xxxi(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm, order: imm u8)  "`dst =` two lanes of 32 bits of `a`, two of `b`, two bits of `order` each";
    "VEX.128.66.0F3A.WIG 21 /r ib"  vinsertps_xxxi(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm, lanes: imm u8)  "`dst = a`, a lane (bits 4 and 5) replaced by one of `b` (6 and 7), lanes of bits 0 to 3 cleared";
}
