//! Moves and logic of vector registers (Intel SDM vol. 1, 5.5, 5.6).

use crate::mem::Mem;
use crate::reg::{Gpr, Xmm};

forms! {
    "F3 0F 6F /r"        movdqu_xx(dst: reg Xmm, src: rm Xmm)   "`dst = src`, 16 bytes";
    "F3 0F 6F /r"        movdqu_xm(dst: reg Xmm, src: rm Mem)   "`dst = [src]`, 16 bytes";
    "F3 0F 7F /r"        movdqu_mx(dst: rm Mem, src: reg Xmm)   "`[dst] = src`, 16 bytes";
    "66 0F 6F /r"        movdqa_xx(dst: reg Xmm, src: rm Xmm)   "`dst = src`, 16 bytes";
    "66 0F 6F /r"        movdqa_xm(dst: reg Xmm, src: rm Mem)   "`dst = [src]`, 16 bytes, aligned to 16";
    "66 0F 7F /r"        movdqa_mx(dst: rm Mem, src: reg Xmm)   "`[dst] = src`, 16 bytes, aligned to 16";
    "0F 10 /r"           movups_xx(dst: reg Xmm, src: rm Xmm)   "`dst = src`, 16 bytes";
    "0F 10 /r"           movups_xm(dst: reg Xmm, src: rm Mem)   "`dst = [src]`, 16 bytes";
    "0F 11 /r"           movups_mx(dst: rm Mem, src: reg Xmm)   "`[dst] = src`, 16 bytes";
    "0F 28 /r"           movaps_xx(dst: reg Xmm, src: rm Xmm)   "`dst = src`, 16 bytes";
    "0F 28 /r"           movaps_xm(dst: reg Xmm, src: rm Mem)   "`dst = [src]`, 16 bytes, aligned to 16";
    "0F 29 /r"           movaps_mx(dst: rm Mem, src: reg Xmm)   "`[dst] = src`, 16 bytes, aligned to 16";

    "66 0F 6E /r"        movd_xr(dst: reg Xmm, src: rm Gpr)     "`dst = src`, 4 bytes, the rest cleared";
    "66 0F 7E /r"        movd_rx(dst: rm Gpr, src: reg Xmm)     "`dst =` the lowest 4 bytes of `src`";
    "66 REX.W 0F 6E /r"  movq_xr(dst: reg Xmm, src: rm Gpr)     "`dst = src`, 8 bytes, the rest cleared";
    "66 REX.W 0F 7E /r"  movq_rx(dst: rm Gpr, src: reg Xmm)     "`dst =` the lowest 8 bytes of `src`";
    "F3 0F 7E /r"        movq_xm(dst: reg Xmm, src: rm Mem)     "`dst = [src]`, 8 bytes, the rest cleared";
    "66 0F D6 /r"        movq_mx(dst: rm Mem, src: reg Xmm)     "`[dst] =` the lowest 8 bytes of `src`";
    "F3 0F 10 /r"        movss_xm(dst: reg Xmm, src: rm Mem)    "`dst = [src]`, 4 bytes, the rest cleared";
    "F3 0F 11 /r"        movss_mx(dst: rm Mem, src: reg Xmm)    "`[dst] =` the lowest 4 bytes of `src`";
    "F2 0F 10 /r"        movsd_xm(dst: reg Xmm, src: rm Mem)    "`dst = [src]`, 8 bytes, the rest cleared";
    "F2 0F 11 /r"        movsd_mx(dst: rm Mem, src: reg Xmm)    "`[dst] =` the lowest 8 bytes of `src`";

    "0F 54 /r"           andps_xx(dst: reg Xmm, src: rm Xmm)    "`dst = dst & src`";
    "0F 54 /r"           andps_xm(dst: reg Xmm, src: rm Mem)    "`dst = dst & [src]`, aligned to 16";
    "0F 55 /r"           andnps_xx(dst: reg Xmm, src: rm Xmm)   "`dst = !dst & src`";
    "0F 55 /r"           andnps_xm(dst: reg Xmm, src: rm Mem)   "`dst = !dst & [src]`, aligned to 16";
    "0F 56 /r"           orps_xx(dst: reg Xmm, src: rm Xmm)     "`dst = dst | src`";
    "0F 56 /r"           orps_xm(dst: reg Xmm, src: rm Mem)     "`dst = dst | [src]`, aligned to 16";
    "0F 57 /r"           xorps_xx(dst: reg Xmm, src: rm Xmm)    "`dst = dst ^ src`";
    "0F 57 /r"           xorps_xm(dst: reg Xmm, src: rm Mem)    "`dst = dst ^ [src]`, aligned to 16";
    "66 0F 54 /r"        andpd_xx(dst: reg Xmm, src: rm Xmm)    "`dst = dst & src`";
    "66 0F 54 /r"        andpd_xm(dst: reg Xmm, src: rm Mem)    "`dst = dst & [src]`, aligned to 16";
    "66 0F 55 /r"        andnpd_xx(dst: reg Xmm, src: rm Xmm)   "`dst = !dst & src`";
    "66 0F 55 /r"        andnpd_xm(dst: reg Xmm, src: rm Mem)   "`dst = !dst & [src]`, aligned to 16";
    "66 0F 56 /r"        orpd_xx(dst: reg Xmm, src: rm Xmm)     "`dst = dst | src`";
    "66 0F 56 /r"        orpd_xm(dst: reg Xmm, src: rm Mem)     "`dst = dst | [src]`, aligned to 16";
    "66 0F 57 /r"        xorpd_xx(dst: reg Xmm, src: rm Xmm)    "`dst = dst ^ src`";
    "66 0F 57 /r"        xorpd_xm(dst: reg Xmm, src: rm Mem)    "`dst = dst ^ [src]`, aligned to 16";
    "66 0F DB /r"        pand_xx(dst: reg Xmm, src: rm Xmm)     "`dst = dst & src`";
    "66 0F DB /r"        pand_xm(dst: reg Xmm, src: rm Mem)     "`dst = dst & [src]`, aligned to 16";
    "66 0F DF /r"        pandn_xx(dst: reg Xmm, src: rm Xmm)    "`dst = !dst & src`";
    "66 0F DF /r"        pandn_xm(dst: reg Xmm, src: rm Mem)    "`dst = !dst & [src]`, aligned to 16";
    "66 0F EB /r"        por_xx(dst: reg Xmm, src: rm Xmm)      "`dst = dst | src`";
    "66 0F EB /r"        por_xm(dst: reg Xmm, src: rm Mem)      "`dst = dst | [src]`, aligned to 16";
    "66 0F EF /r"        pxor_xx(dst: reg Xmm, src: rm Xmm)     "`dst = dst ^ src`";
    "66 0F EF /r"        pxor_xm(dst: reg Xmm, src: rm Mem)     "`dst = dst ^ [src]`, aligned to 16";
    "0F 50 /r"           movmskps_rx(dst: reg Gpr, src: rm Xmm) "`dst =` the signs of the four f32";
    "66 0F 50 /r"        movmskpd_rx(dst: reg Gpr, src: rm Xmm) "`dst =` the signs of the two f64";
    "F3 0F 10 /r"        movss_xx(dst: reg Xmm, src: rm Xmm)    "The lowest 4 bytes of `dst` `= src`, the rest stays";
    "F2 0F 10 /r"        movsd_xx(dst: reg Xmm, src: rm Xmm)    "The lowest 8 bytes of `dst` `= src`, the rest stays";
    "F3 0F 7E /r"        movq_xx(dst: reg Xmm, src: rm Xmm)     "`dst =` the lowest 8 bytes of `src`, the rest cleared";
}
