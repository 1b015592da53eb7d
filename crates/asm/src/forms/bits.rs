//! Shifts, bit tests, bit counts and BMI (Intel SDM vol. 1, 5.1.5, 5.1.6, 5.1.16).

use crate::mem::Mem;
use crate::op::Shift;
use crate::reg::Gpr;

forms! {
    "D2+w /shift"        shift_rcl[w](op: select Shift, dst: rm Gpr)                    "`dst = dst op cl`, the count modulo 32 or 64";
    "D2+w /shift"        shift_mcl[w](op: select Shift, dst: rm Mem)                    "`[dst] = [dst] op cl`, the count modulo 32 or 64";
    "0F A4 /r ib"        shld_rri[w](dst: rm Gpr, src: reg Gpr, count: imm u8)          "Shifts `dst` left, filling up with the top of `src`";
    "0F AC /r ib"        shrd_rri[w](dst: rm Gpr, src: reg Gpr, count: imm u8)          "Shifts `dst` right, filling up with the bottom of `src`";

    "0F BA /4 ib"        bt_ri[w](src: rm Gpr, bit: imm u8)                             "`CF =` the bit of `src`";
    "0F BA /4 ib"        bt_mi[w](src: rm Mem, bit: imm u8)                             "`CF =` the bit of `[src]`";
    "0F A3 /r"           bt_rr[w](src: rm Gpr, bit: reg Gpr)                            "`CF =` the bit of `src`, modulo its width";
    "0F A3 /r"           bt_mr[w](src: rm Mem, bit: reg Gpr)                            "`CF =` the bit of the bit string at `[src]`, any signed number";
    "0F BA /5 ib"        bts_ri[w](dst: rm Gpr, bit: imm u8)                            "`CF =` the bit of `dst`, which is set";
    "0F BA /5 ib"        bts_mi[w](dst: rm Mem, bit: imm u8)                            "`CF =` the bit of `[dst]`, which is set";
    "0F AB /r"           bts_rr[w](dst: rm Gpr, bit: reg Gpr)                           "`CF =` the bit of `dst`, which is set";
    "0F AB /r"           bts_mr[w](dst: rm Mem, bit: reg Gpr)                           "`CF =` the bit of the bit string at `[dst]`, which is set";
    "F0 0F AB /r"        lock_bts_mr[w](dst: rm Mem, bit: reg Gpr)                      "As `bts_mr`, atomic";
    "0F BA /6 ib"        btr_ri[w](dst: rm Gpr, bit: imm u8)                            "`CF =` the bit of `dst`, which is cleared";
    "0F BA /6 ib"        btr_mi[w](dst: rm Mem, bit: imm u8)                            "`CF =` the bit of `[dst]`, which is cleared";
    "0F B3 /r"           btr_rr[w](dst: rm Gpr, bit: reg Gpr)                           "`CF =` the bit of `dst`, which is cleared";
    "0F B3 /r"           btr_mr[w](dst: rm Mem, bit: reg Gpr)                           "`CF =` the bit of the bit string at `[dst]`, which is cleared";
    "0F BA /7 ib"        btc_ri[w](dst: rm Gpr, bit: imm u8)                            "`CF =` the bit of `dst`, which is inverted";
    "0F BA /7 ib"        btc_mi[w](dst: rm Mem, bit: imm u8)                            "`CF =` the bit of `[dst]`, which is inverted";

    "0F BC /r"           bsf_rr[w](dst: reg Gpr, src: rm Gpr)                           "`dst =` the lowest set bit of `src`, or ZF";
    "0F BC /r"           bsf_rm[w](dst: reg Gpr, src: rm Mem)                           "`dst =` the lowest set bit of `[src]`, or ZF";
    "0F BD /r"           bsr_rr[w](dst: reg Gpr, src: rm Gpr)                           "`dst =` the highest set bit of `src`, or ZF";
    "0F BD /r"           bsr_rm[w](dst: reg Gpr, src: rm Mem)                           "`dst =` the highest set bit of `[src]`, or ZF";
    "F3 0F BC /r"        tzcnt_rr[w](dst: reg Gpr, src: rm Gpr)                         "`dst =` zero bits below the lowest set one of `src`";
    "F3 0F BC /r"        tzcnt_rm[w](dst: reg Gpr, src: rm Mem)                         "`dst =` zero bits below the lowest set one of `[src]`";
    "F3 0F BD /r"        lzcnt_rr[w](dst: reg Gpr, src: rm Gpr)                         "`dst =` zero bits above the highest set one of `src`";
    "F3 0F BD /r"        lzcnt_rm[w](dst: reg Gpr, src: rm Mem)                         "`dst =` zero bits above the highest set one of `[src]`";
    "F3 0F B8 /r"        popcnt_rr[w](dst: reg Gpr, src: rm Gpr)                        "`dst =` number of set bits of `src`";
    "F3 0F B8 /r"        popcnt_rm[w](dst: reg Gpr, src: rm Mem)                        "`dst =` number of set bits of `[src]`";

    "VEX.LZ.NP.0F38.(W) F2 /r" andn_rrr[w](dst: reg Gpr, a: vvvv Gpr, b: rm Gpr)          "`dst = !a & b`";
    "VEX.LZ.NP.0F38.(W) F2 /r" andn_rrm[w](dst: reg Gpr, a: vvvv Gpr, b: rm Mem)          "`dst = !a & [b]`";
    "VEX.LZ.F2.0F38.(W) F5 /r" pdep_rrr[w](dst: reg Gpr, src: vvvv Gpr, mask: rm Gpr)     "The low bits of `src`, spread over the set bits of `mask`";
    "VEX.LZ.F2.0F38.(W) F5 /r" pdep_rrm[w](dst: reg Gpr, src: vvvv Gpr, mask: rm Mem)     "The low bits of `src`, spread over the set bits of `[mask]`";
    "VEX.LZ.F3.0F38.(W) F5 /r" pext_rrr[w](dst: reg Gpr, src: vvvv Gpr, mask: rm Gpr)     "The bits of `src` at the set bits of `mask`, packed";
    "VEX.LZ.F3.0F38.(W) F5 /r" pext_rrm[w](dst: reg Gpr, src: vvvv Gpr, mask: rm Mem)     "The bits of `src` at the set bits of `[mask]`, packed";
    "VEX.LZ.66.0F38.(W) F7 /r" shlx_rrr[w](dst: reg Gpr, src: rm Gpr, count: vvvv Gpr)    "`dst = src << count`, no flags";
    "VEX.LZ.66.0F38.(W) F7 /r" shlx_rmr[w](dst: reg Gpr, src: rm Mem, count: vvvv Gpr)    "`dst = [src] << count`, no flags";
    "VEX.LZ.F2.0F38.(W) F7 /r" shrx_rrr[w](dst: reg Gpr, src: rm Gpr, count: vvvv Gpr)    "`dst = src >> count` unsigned, no flags";
    "VEX.LZ.F2.0F38.(W) F7 /r" shrx_rmr[w](dst: reg Gpr, src: rm Mem, count: vvvv Gpr)    "`dst = [src] >> count` unsigned, no flags";
    "VEX.LZ.F3.0F38.(W) F7 /r" sarx_rrr[w](dst: reg Gpr, src: rm Gpr, count: vvvv Gpr)    "`dst = src >> count` signed, no flags";
    "VEX.LZ.F3.0F38.(W) F7 /r" sarx_rmr[w](dst: reg Gpr, src: rm Mem, count: vvvv Gpr)    "`dst = [src] >> count` signed, no flags";
    "VEX.LZ.F2.0F3A.(W) F0 /r ib" rorx_rri[w](dst: reg Gpr, src: rm Gpr, count: imm u8)   "`dst = src` rotated right, no flags";
    "VEX.LZ.F2.0F3A.(W) F0 /r ib" rorx_rmi[w](dst: reg Gpr, src: rm Mem, count: imm u8)   "`dst = [src]` rotated right, no flags";
}
