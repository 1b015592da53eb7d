//! Scalar floating point with a destination of its own (Intel SDM vol. 1, 5.13).

use crate::mem::Mem;
use crate::reg::Xmm;

forms! {
    "VEX.LIG.F3.0F.WIG 58 /r"  vaddss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a + b`, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 58 /r"  vaddss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a + [b]`, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 58 /r"  vaddsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a + b`, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 58 /r"  vaddsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a + [b]`, f64, the rest from a";
    "VEX.LIG.F3.0F.WIG 59 /r"  vmulss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a * b`, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 59 /r"  vmulss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a * [b]`, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 59 /r"  vmulsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a * b`, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 59 /r"  vmulsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a * [b]`, f64, the rest from a";
    "VEX.LIG.F3.0F.WIG 5C /r"  vsubss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a - b`, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 5C /r"  vsubss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a - [b]`, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 5C /r"  vsubsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a - b`, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 5C /r"  vsubsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a - [b]`, f64, the rest from a";
    "VEX.LIG.F3.0F.WIG 5E /r"  vdivss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a / b`, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 5E /r"  vdivss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a / [b]`, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 5E /r"  vdivsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst = a / b`, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 5E /r"  vdivsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst = a / [b]`, f64, the rest from a";
    "VEX.LIG.F3.0F.WIG 5D /r"  vminss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the lesser, `b` when one is NaN or both are 0, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 5D /r"  vminss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst =` the lesser, `[b]` when one is NaN or both are 0, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 5D /r"  vminsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the lesser, `b` when one is NaN or both are 0, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 5D /r"  vminsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst =` the lesser, `[b]` when one is NaN or both are 0, f64, the rest from a";
    "VEX.LIG.F3.0F.WIG 5F /r"  vmaxss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the greater, `b` when one is NaN or both are 0, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 5F /r"  vmaxss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst =` the greater, `[b]` when one is NaN or both are 0, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 5F /r"  vmaxsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm)  "`dst =` the greater, `b` when one is NaN or both are 0, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 5F /r"  vmaxsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem)  "`dst =` the greater, `[b]` when one is NaN or both are 0, f64, the rest from a";
    "VEX.LIG.F3.0F.WIG 51 /r"  vsqrtss_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm) "`dst =` square root of `b`, f32, the rest from a";
    "VEX.LIG.F3.0F.WIG 51 /r"  vsqrtss_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem) "`dst =` square root of `[b]`, f32, the rest from a";
    "VEX.LIG.F2.0F.WIG 51 /r"  vsqrtsd_xxx(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm) "`dst =` square root of `b`, f64, the rest from a";
    "VEX.LIG.F2.0F.WIG 51 /r"  vsqrtsd_xxm(dst: reg Xmm, a: vvvv Xmm, b: rm Mem) "`dst =` square root of `[b]`, f64, the rest from a";
    "VEX.128.NP.0F.WIG 77"     vzeroupper()                                      "Clears the upper halves of all ymm registers";
}
