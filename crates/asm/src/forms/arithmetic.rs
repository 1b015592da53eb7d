//! Integer arithmetic and logic (Intel SDM vol. 1, 5.1.2, 5.1.4).

use crate::mem::Mem;
use crate::op::Alu;
use crate::reg::Gpr;

forms! {
    "00+alu+w /r"    alu_rr[w](op: select Alu, dst: rm Gpr, src: reg Gpr)   "`dst = dst op src`";
    "02+alu+w /r"    alu_rm[w](op: select Alu, dst: reg Gpr, src: rm Mem)   "`dst = dst op [src]`";
    "00+alu+w /r"    alu_mr[w](op: select Alu, dst: rm Mem, src: reg Gpr)   "`[dst] = [dst] op src`";
    "F0 00+alu+w /r" lock_alu_mr[w](op: select Alu, dst: rm Mem, src: reg Gpr) "`[dst] = [dst] op src`, atomic";

    "84+w /r"        test_rr[w](a: rm Gpr, b: reg Gpr)                      "Flags of `a & b`";
    "84+w /r"        test_mr[w](a: rm Mem, b: reg Gpr)                      "Flags of `[a] & b`";
    "F6+w /0 iz"     test_mi[w](a: rm Mem, value: imm i32)                  "Flags of `[a] & value`, sign-extended at W64";

    "FE+w /0"        inc_r[w](dst: rm Gpr)                                  "`dst = dst + 1`, CF stays";
    "FE+w /0"        inc_m[w](dst: rm Mem)                                  "`[dst] = [dst] + 1`, CF stays";
    "FE+w /1"        dec_r[w](dst: rm Gpr)                                  "`dst = dst - 1`, CF stays";
    "FE+w /1"        dec_m[w](dst: rm Mem)                                  "`[dst] = [dst] - 1`, CF stays";
    "F0 FE+w /0"     lock_inc_m[w](dst: rm Mem)                             "`[dst] = [dst] + 1`, CF stays, atomic";
    "F0 FE+w /1"     lock_dec_m[w](dst: rm Mem)                             "`[dst] = [dst] - 1`, CF stays, atomic";
    "F6+w /2"        not_r[w](dst: rm Gpr)                                  "`dst = !dst`, no flags";
    "F6+w /2"        not_m[w](dst: rm Mem)                                  "`[dst] = ![dst]`, no flags";
    "F6+w /3"        neg_r[w](dst: rm Gpr)                                  "`dst = -dst`";
    "F6+w /3"        neg_m[w](dst: rm Mem)                                  "`[dst] = -[dst]`";

    "F6+w /4"        mul_r[w](src: rm Gpr)                                  "`rdx:rax = rax * src` unsigned (W8: ax)";
    "F6+w /4"        mul_m[w](src: rm Mem)                                  "`rdx:rax = rax * [src]` unsigned (W8: ax)";
    "F6+w /5"        imul_r[w](src: rm Gpr)                                 "`rdx:rax = rax * src` signed (W8: ax)";
    "F6+w /5"        imul_m[w](src: rm Mem)                                 "`rdx:rax = rax * [src]` signed (W8: ax)";
    "F6+w /6"        div_r[w](src: rm Gpr)                                  "`rax, rdx = rdx:rax / src` and rest, unsigned (W8: al, ah of ax)";
    "F6+w /6"        div_m[w](src: rm Mem)                                  "`rax, rdx = rdx:rax / [src]` and rest, unsigned (W8: al, ah of ax)";
    "F6+w /7"        idiv_r[w](src: rm Gpr)                                 "`rax, rdx = rdx:rax / src` and rest, signed (W8: al, ah of ax)";
    "F6+w /7"        idiv_m[w](src: rm Mem)                                 "`rax, rdx = rdx:rax / [src]` and rest, signed (W8: al, ah of ax)";
    "0F AF /r"       imul_rr[w](dst: reg Gpr, src: rm Gpr)                  "`dst = dst * src`";
    "0F AF /r"       imul_rm[w](dst: reg Gpr, src: rm Mem)                  "`dst = dst * [src]`";
}
