//! Scalar floating point (Intel SDM vol. 1, 5.5.1, 5.6.1): the lowest 4 (f32) or 8 (f64) bytes of a
//! vector register; the rest of it stays.

use crate::mem::Mem;
use crate::op::{FloatCompare, Rounding};
use crate::reg::{Gpr, Xmm};

forms! {
    "F3 0F 58 /r"  addss_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst + src`, f32";
    "F3 0F 58 /r"  addss_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst + [src]`, f32";
    "F2 0F 58 /r"  addsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst + src`, f64";
    "F2 0F 58 /r"  addsd_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst + [src]`, f64";
    "F3 0F 59 /r"  mulss_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst * src`, f32";
    "F3 0F 59 /r"  mulss_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst * [src]`, f32";
    "F2 0F 59 /r"  mulsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst * src`, f64";
    "F2 0F 59 /r"  mulsd_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst * [src]`, f64";
    "F3 0F 5C /r"  subss_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst - src`, f32";
    "F3 0F 5C /r"  subss_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst - [src]`, f32";
    "F2 0F 5C /r"  subsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst - src`, f64";
    "F2 0F 5C /r"  subsd_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst - [src]`, f64";
    "F3 0F 5E /r"  divss_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst / src`, f32";
    "F3 0F 5E /r"  divss_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst / [src]`, f32";
    "F2 0F 5E /r"  divsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst = dst / src`, f64";
    "F2 0F 5E /r"  divsd_xm(dst: reg Xmm, src: rm Mem)  "`dst = dst / [src]`, f64";
    "F3 0F 5D /r"  minss_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the lesser, `src` when one is NaN or both are 0, f32";
    "F3 0F 5D /r"  minss_xm(dst: reg Xmm, src: rm Mem)  "`dst =` the lesser, `[src]` when one is NaN or both are 0, f32";
    "F2 0F 5D /r"  minsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the lesser, `src` when one is NaN or both are 0, f64";
    "F2 0F 5D /r"  minsd_xm(dst: reg Xmm, src: rm Mem)  "`dst =` the lesser, `[src]` when one is NaN or both are 0, f64";
    "F3 0F 5F /r"  maxss_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the greater, `src` when one is NaN or both are 0, f32";
    "F3 0F 5F /r"  maxss_xm(dst: reg Xmm, src: rm Mem)  "`dst =` the greater, `[src]` when one is NaN or both are 0, f32";
    "F2 0F 5F /r"  maxsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the greater, `src` when one is NaN or both are 0, f64";
    "F2 0F 5F /r"  maxsd_xm(dst: reg Xmm, src: rm Mem)  "`dst =` the greater, `[src]` when one is NaN or both are 0, f64";
    "F3 0F 51 /r"  sqrtss_xx(dst: reg Xmm, src: rm Xmm) "`dst =` square root of `src`, f32";
    "F3 0F 51 /r"  sqrtss_xm(dst: reg Xmm, src: rm Mem) "`dst =` square root of `[src]`, f32";
    "F2 0F 51 /r"  sqrtsd_xx(dst: reg Xmm, src: rm Xmm) "`dst =` square root of `src`, f64";
    "F2 0F 51 /r"  sqrtsd_xm(dst: reg Xmm, src: rm Mem) "`dst =` square root of `[src]`, f64";

    "0F 2E /r"        ucomiss_xx(a: reg Xmm, b: rm Xmm)                                        "ZF PF CF of `a` to `b` (111 unordered, 000 above, 001 below, 100 equal), f32, quiet";
    "0F 2E /r"        ucomiss_xm(a: reg Xmm, b: rm Mem)                                        "ZF PF CF of `a` to `[b]` (111 unordered, 000 above, 001 below, 100 equal), f32, quiet";
    "66 0F 2E /r"     ucomisd_xx(a: reg Xmm, b: rm Xmm)                                        "ZF PF CF of `a` to `b` (111 unordered, 000 above, 001 below, 100 equal), f64, quiet";
    "66 0F 2E /r"     ucomisd_xm(a: reg Xmm, b: rm Mem)                                        "ZF PF CF of `a` to `[b]` (111 unordered, 000 above, 001 below, 100 equal), f64, quiet";
    "0F 2F /r"        comiss_xx(a: reg Xmm, b: rm Xmm)                                         "ZF PF CF of `a` to `b` (111 unordered, 000 above, 001 below, 100 equal), f32, signalling";
    "0F 2F /r"        comiss_xm(a: reg Xmm, b: rm Mem)                                         "ZF PF CF of `a` to `[b]` (111 unordered, 000 above, 001 below, 100 equal), f32, signalling";
    "66 0F 2F /r"     comisd_xx(a: reg Xmm, b: rm Xmm)                                         "ZF PF CF of `a` to `b` (111 unordered, 000 above, 001 below, 100 equal), f64, signalling";
    "66 0F 2F /r"     comisd_xm(a: reg Xmm, b: rm Mem)                                         "ZF PF CF of `a` to `[b]` (111 unordered, 000 above, 001 below, 100 equal), f64, signalling";
    "F3 0F C2 /r ib"  cmpss_xxi(dst: reg Xmm, src: rm Xmm, predicate: select_imm FloatCompare) "`dst =` all ones if `dst predicate src`, else 0, f32";
    "F3 0F C2 /r ib"  cmpss_xmi(dst: reg Xmm, src: rm Mem, predicate: select_imm FloatCompare) "`dst =` all ones if `dst predicate [src]`, else 0, f32";
    "F2 0F C2 /r ib"  cmpsd_xxi(dst: reg Xmm, src: rm Xmm, predicate: select_imm FloatCompare) "`dst =` all ones if `dst predicate src`, else 0, f64";
    "F2 0F C2 /r ib"  cmpsd_xmi(dst: reg Xmm, src: rm Mem, predicate: select_imm FloatCompare) "`dst =` all ones if `dst predicate [src]`, else 0, f64";

    "F3 0F 5A /r"          cvtss2sd_xx(dst: reg Xmm, src: rm Xmm)                            "`dst = src`, f32 to f64";
    "F3 0F 5A /r"          cvtss2sd_xm(dst: reg Xmm, src: rm Mem)                            "`dst = [src]`, f32 to f64";
    "F2 0F 5A /r"          cvtsd2ss_xx(dst: reg Xmm, src: rm Xmm)                            "`dst = src`, f64 to f32, rounded";
    "F2 0F 5A /r"          cvtsd2ss_xm(dst: reg Xmm, src: rm Mem)                            "`dst = [src]`, f64 to f32, rounded";
    "F3 REX.(W) 0F 2A /r"  cvtsi2ss_xr[w](dst: reg Xmm, src: rm Gpr)                         "`dst = src`, signed integer to f32; the upper half of dst stays";
    "F3 REX.(W) 0F 2A /r"  cvtsi2ss_xm[w](dst: reg Xmm, src: rm Mem)                         "`dst = [src]`, signed integer to f32; the upper half of dst stays";
    "F3 REX.(W) 0F 2C /r"  cvttss2si_rx[w](dst: reg Gpr, src: rm Xmm)                        "`dst = src`, f32 to signed integer, towards 0; out of range only the top bit set";
    "F3 REX.(W) 0F 2C /r"  cvttss2si_rm[w](dst: reg Gpr, src: rm Mem)                        "`dst = [src]`, f32 to signed integer, towards 0; out of range only the top bit set";
    "F3 REX.(W) 0F 2D /r"  cvtss2si_rx[w](dst: reg Gpr, src: rm Xmm)                         "`dst = src`, f32 to signed integer, rounded; out of range only the top bit set";
    "F3 REX.(W) 0F 2D /r"  cvtss2si_rm[w](dst: reg Gpr, src: rm Mem)                         "`dst = [src]`, f32 to signed integer, rounded; out of range only the top bit set";
    "F2 REX.(W) 0F 2A /r"  cvtsi2sd_xr[w](dst: reg Xmm, src: rm Gpr)                         "`dst = src`, signed integer to f64; the upper half of dst stays";
    "F2 REX.(W) 0F 2A /r"  cvtsi2sd_xm[w](dst: reg Xmm, src: rm Mem)                         "`dst = [src]`, signed integer to f64; the upper half of dst stays";
    "F2 REX.(W) 0F 2C /r"  cvttsd2si_rx[w](dst: reg Gpr, src: rm Xmm)                        "`dst = src`, f64 to signed integer, towards 0; out of range only the top bit set";
    "F2 REX.(W) 0F 2C /r"  cvttsd2si_rm[w](dst: reg Gpr, src: rm Mem)                        "`dst = [src]`, f64 to signed integer, towards 0; out of range only the top bit set";
    "F2 REX.(W) 0F 2D /r"  cvtsd2si_rx[w](dst: reg Gpr, src: rm Xmm)                         "`dst = src`, f64 to signed integer, rounded; out of range only the top bit set";
    "F2 REX.(W) 0F 2D /r"  cvtsd2si_rm[w](dst: reg Gpr, src: rm Mem)                         "`dst = [src]`, f64 to signed integer, rounded; out of range only the top bit set";
    "66 0F 3A 0A /r ib"    roundss_xxi(dst: reg Xmm, src: rm Xmm, mode: select_imm Rounding) "`dst = src` as a whole number, f32 (SSE4.1)";
    "66 0F 3A 0A /r ib"    roundss_xmi(dst: reg Xmm, src: rm Mem, mode: select_imm Rounding) "`dst = [src]` as a whole number, f32 (SSE4.1)";
    "66 0F 3A 0B /r ib"    roundsd_xxi(dst: reg Xmm, src: rm Xmm, mode: select_imm Rounding) "`dst = src` as a whole number, f64 (SSE4.1)";
    "66 0F 3A 0B /r ib"    roundsd_xmi(dst: reg Xmm, src: rm Mem, mode: select_imm Rounding) "`dst = [src]` as a whole number, f64 (SSE4.1)";
}
