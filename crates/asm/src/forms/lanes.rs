//! Lanes of vector registers: shifted, spread, put elsewhere, taken out (Intel SDM vol. 1, 5.13).

use crate::mem::Mem;
use crate::reg::{Gpr, Xmm};

forms! {
    "VEX.128.66.0F.WIG 71 /6 ib"  vpsllw_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a << count`, 8 lanes of 16 bits";
    "VEX.128.66.0F.WIG 72 /6 ib"  vpslld_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a << count`, 4 lanes of 32 bits";
    "VEX.128.66.0F.WIG 73 /6 ib"  vpsllq_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a << count`, 2 lanes of 64 bits";
    "VEX.128.66.0F.WIG 71 /2 ib"  vpsrlw_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a >> count`, 8 lanes of 16 bits, zeros move in";
    "VEX.128.66.0F.WIG 72 /2 ib"  vpsrld_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a >> count`, 4 lanes of 32 bits, zeros move in";
    "VEX.128.66.0F.WIG 73 /2 ib"  vpsrlq_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a >> count`, 2 lanes of 64 bits, zeros move in";
    "VEX.128.66.0F.WIG 71 /4 ib"  vpsraw_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a >> count`, 8 lanes of 16 bits, copies of the sign move in";
    "VEX.128.66.0F.WIG 72 /4 ib"  vpsrad_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a >> count`, 4 lanes of 32 bits, copies of the sign move in";
    "VEX.128.66.0F.WIG 73 /7 ib"  vpslldq_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a << count * 8`, the whole register";
    "VEX.128.66.0F.WIG 73 /3 ib"  vpsrldq_xxi(dst: vvvv Xmm, a: rm Xmm, count: imm u8)  "`dst = a >> count * 8`, the whole register";
    "VEX.128.66.0F38.WIG 1C /r"  vpabsb_xx(dst: reg Xmm, src: rm Xmm)  "`dst = |src|`, 16 lanes of 8 bits";
    "VEX.128.66.0F38.WIG 1D /r"  vpabsw_xx(dst: reg Xmm, src: rm Xmm)  "`dst = |src|`, 8 lanes of 16 bits";
    "VEX.128.66.0F38.WIG 1E /r"  vpabsd_xx(dst: reg Xmm, src: rm Xmm)  "`dst = |src|`, 4 lanes of 32 bits";
    "VEX.128.66.0F38.WIG 17 /r"  vptest_xx(dst: reg Xmm, src: rm Xmm)  "ZF: `dst & src` is 0; CF: `!dst & src` is 0";
    "VEX.128.66.0F38.WIG 20 /r"  vpmovsxbw_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low half of `src`, 8 to 16 bits, signed";
    "VEX.128.66.0F38.WIG 30 /r"  vpmovzxbw_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low half of `src`, 8 to 16 bits, unsigned";
    "VEX.128.66.0F38.WIG 23 /r"  vpmovsxwd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low half of `src`, 16 to 32 bits, signed";
    "VEX.128.66.0F38.WIG 33 /r"  vpmovzxwd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low half of `src`, 16 to 32 bits, unsigned";
    "VEX.128.66.0F38.WIG 25 /r"  vpmovsxdq_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low half of `src`, 32 to 64 bits, signed";
    "VEX.128.66.0F38.WIG 35 /r"  vpmovzxdq_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the low half of `src`, 32 to 64 bits, unsigned";
    "VEX.128.66.0F38.W0 78 /r"  vpbroadcastb_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the lowest lane of `src` in all lanes, 16 lanes of 8 bits (AVX2)";
    "VEX.128.66.0F38.W0 79 /r"  vpbroadcastw_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the lowest lane of `src` in all lanes, 8 lanes of 16 bits (AVX2)";
    "VEX.128.66.0F38.W0 58 /r"  vpbroadcastd_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the lowest lane of `src` in all lanes, 4 lanes of 32 bits (AVX2)";
    "VEX.128.66.0F38.W0 59 /r"  vpbroadcastq_xx(dst: reg Xmm, src: rm Xmm)  "`dst =` the lowest lane of `src` in all lanes, 2 lanes of 64 bits (AVX2)";
    "VEX.128.66.0F.WIG 70 /r ib"  vpshufd_xxi(dst: reg Xmm, src: rm Xmm, order: imm u8)  "`dst =` lanes of 32 bits of `src`, two bits of `order` each";
    "VEX.128.F2.0F.WIG 70 /r ib"  vpshuflw_xxi(dst: reg Xmm, src: rm Xmm, order: imm u8)  "`dst = src`, its low lanes of 16 bits in another order";
    "VEX.128.F3.0F.WIG 70 /r ib"  vpshufhw_xxi(dst: reg Xmm, src: rm Xmm, order: imm u8)  "`dst = src`, its high lanes of 16 bits in another order";
    "VEX.128.66.0F3A.WIG 0F /r ib"  vpalignr_xxxi(dst: reg Xmm, a: vvvv Xmm, b: rm Xmm, count: imm u8)  "`dst = (a << 128 | b) >> count * 8`";
    "VEX.128.66.0F3A.WIG 20 /r ib"  vpinsrb_xxri(dst: reg Xmm, a: vvvv Xmm, b: rm Gpr, lane: imm u8)  "`dst = a`, the lane replaced by `b`, 16 lanes of 8 bits";
    "VEX.128.66.0F3A.WIG 20 /r ib"  vpinsrb_xxmi(dst: reg Xmm, a: vvvv Xmm, b: rm Mem, lane: imm u8)  "`dst = a`, the lane replaced by `[b]`, 16 lanes of 8 bits";
    "VEX.128.66.0F.WIG C4 /r ib"  vpinsrw_xxri(dst: reg Xmm, a: vvvv Xmm, b: rm Gpr, lane: imm u8)  "`dst = a`, the lane replaced by `b`, 8 lanes of 16 bits";
    "VEX.128.66.0F.WIG C4 /r ib"  vpinsrw_xxmi(dst: reg Xmm, a: vvvv Xmm, b: rm Mem, lane: imm u8)  "`dst = a`, the lane replaced by `[b]`, 8 lanes of 16 bits";
    "VEX.128.66.0F3A.W0 22 /r ib"  vpinsrd_xxri(dst: reg Xmm, a: vvvv Xmm, b: rm Gpr, lane: imm u8)  "`dst = a`, the lane replaced by `b`, 4 lanes of 32 bits";
    "VEX.128.66.0F3A.W0 22 /r ib"  vpinsrd_xxmi(dst: reg Xmm, a: vvvv Xmm, b: rm Mem, lane: imm u8)  "`dst = a`, the lane replaced by `[b]`, 4 lanes of 32 bits";
    "VEX.128.66.0F3A.W1 22 /r ib"  vpinsrq_xxri(dst: reg Xmm, a: vvvv Xmm, b: rm Gpr, lane: imm u8)  "`dst = a`, the lane replaced by `b`, 2 lanes of 64 bits";
    "VEX.128.66.0F3A.W1 22 /r ib"  vpinsrq_xxmi(dst: reg Xmm, a: vvvv Xmm, b: rm Mem, lane: imm u8)  "`dst = a`, the lane replaced by `[b]`, 2 lanes of 64 bits";
    "VEX.128.66.0F3A.WIG 14 /r ib"  vpextrb_rxi(dst: rm Gpr, src: reg Xmm, lane: imm u8)  "`dst =` the lane of `src`, zero-extended, 16 lanes of 8 bits";
    "VEX.128.66.0F3A.WIG 14 /r ib"  vpextrb_mxi(dst: rm Mem, src: reg Xmm, lane: imm u8)  "`[dst] =` the lane of `src`, 16 lanes of 8 bits";
    "VEX.128.66.0F3A.WIG 15 /r ib"  vpextrw_rxi(dst: rm Gpr, src: reg Xmm, lane: imm u8)  "`dst =` the lane of `src`, zero-extended, 8 lanes of 16 bits";
    "VEX.128.66.0F3A.WIG 15 /r ib"  vpextrw_mxi(dst: rm Mem, src: reg Xmm, lane: imm u8)  "`[dst] =` the lane of `src`, 8 lanes of 16 bits";
    "VEX.128.66.0F3A.W0 16 /r ib"  vpextrd_rxi(dst: rm Gpr, src: reg Xmm, lane: imm u8)  "`dst =` the lane of `src`, zero-extended, 4 lanes of 32 bits";
    "VEX.128.66.0F3A.W0 16 /r ib"  vpextrd_mxi(dst: rm Mem, src: reg Xmm, lane: imm u8)  "`[dst] =` the lane of `src`, 4 lanes of 32 bits";
    "VEX.128.66.0F3A.W1 16 /r ib"  vpextrq_rxi(dst: rm Gpr, src: reg Xmm, lane: imm u8)  "`dst =` the lane of `src`, zero-extended, 2 lanes of 64 bits";
    "VEX.128.66.0F3A.W1 16 /r ib"  vpextrq_mxi(dst: rm Mem, src: reg Xmm, lane: imm u8)  "`[dst] =` the lane of `src`, 2 lanes of 64 bits";
    "VEX.128.66.0F.WIG D7 /r"  vpmovmskb_rx(dst: reg Gpr, src: rm Xmm)  "`dst =` the signs of the 16 bytes";
}
