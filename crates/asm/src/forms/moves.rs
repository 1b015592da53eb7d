//! Data movement (Intel SDM vol. 1, 5.1.1).

use crate::mem::Mem;
use crate::op::{Cond, Lock};
use crate::reg::Gpr;

forms! {
    "88+w /r"        mov_rr[w](dst: rm Gpr, src: reg Gpr)                   "`dst = src`";
    "8A+w /r"        mov_rm[w](dst: reg Gpr, src: rm Mem)                   "`dst = [src]`";
    "88+w /r"        mov_mr[w](dst: rm Mem, src: reg Gpr)                   "`[dst] = src`";
    "C6+w /0 iz"     mov_mi[w](dst: rm Mem, value: imm i32)                 "`[dst] = value`, sign-extended at W64";
    "REX.W B8+r io"  movabs(dst: reg Gpr, value: imm64 u64)                 "`dst = value`, always 10 bytes";

    "0F B6 /r"       movzx_rr8(dst: reg Gpr, src: rm8 Gpr)                  "`dst = src` (1 byte, zero-extended)";
    "0F B6 /r"       movzx_rm8(dst: reg Gpr, src: rm8 Mem)                  "`dst = [src]` (1 byte, zero-extended)";
    "0F B7 /r"       movzx_rr16(dst: reg Gpr, src: rm Gpr)                  "`dst = src` (2 bytes, zero-extended)";
    "0F B7 /r"       movzx_rm16(dst: reg Gpr, src: rm Mem)                  "`dst = [src]` (2 bytes, zero-extended)";
    "0F BE /r"       movsx_rr8[w](dst: reg Gpr, src: rm8 Gpr)               "`dst = src` (1 byte, sign-extended)";
    "0F BE /r"       movsx_rm8[w](dst: reg Gpr, src: rm8 Mem)               "`dst = [src]` (1 byte, sign-extended)";
    "0F BF /r"       movsx_rr16[w](dst: reg Gpr, src: rm Gpr)               "`dst = src` (2 bytes, sign-extended)";
    "0F BF /r"       movsx_rm16[w](dst: reg Gpr, src: rm Mem)               "`dst = [src]` (2 bytes, sign-extended)";
    "REX.W 63 /r"    movsxd_rr(dst: reg Gpr, src: rm Gpr)                   "`dst = src` (4 bytes, sign-extended to 8)";
    "REX.W 63 /r"    movsxd_rm(dst: reg Gpr, src: rm Mem)                   "`dst = [src]` (4 bytes, sign-extended to 8)";

    "8D /r"          lea[w](dst: reg Gpr, src: rm Mem)                      "`dst = the address src`; its segment does not count";
    "50+r"           push_r(src: reg Gpr)                                   "Pushes 8 bytes";
    "FF /6"          push_m(src: rm Mem)                                    "Pushes the 8 bytes at `[src]`";
    "58+r"           pop_r(dst: reg Gpr)                                    "Pops 8 bytes";
    "8F /0"          pop_m(dst: rm Mem)                                     "Pops 8 bytes into `[dst]`; an rsp in `dst` has its new value";

    "86+w /r"        xchg_rr[w](a: rm Gpr, b: reg Gpr)                      "Exchanges `a` and `b`";
    "86+w /r"        xchg_rm[w](a: reg Gpr, b: rm Mem)                      "Exchanges `a` and `[b]`, atomic without any prefix";
    "0F C0+w /r"     xadd_mr[w](lock: lock Lock, dst: rm Mem, src: reg Gpr) "`[dst] = [dst] + src`, `src =` the old `[dst]`";
    "0F B0+w /r"     cmpxchg_mr[w](lock: lock Lock, dst: rm Mem, src: reg Gpr) "If rax is `[dst]` then ZF and `[dst] = src`, else `rax = [dst]`";
    "0F C7 /1"       cmpxchg8b_m(lock: lock Lock, dst: rm Mem)              "As `cmpxchg_mr` with edx:eax and ecx:ebx";
    "REX.W 0F C7 /1" cmpxchg16b_m(lock: lock Lock, dst: rm Mem)             "As `cmpxchg_mr` with rdx:rax and rcx:rbx, aligned to 16";
    "REX.(W) 0F C8+r" bswap_r[w](dst: reg Gpr)                              "Reverses the bytes (W32, W64)";

    "0F 40+cc /r"    cmov_rr[w](cond: select Cond, dst: reg Gpr, src: rm Gpr) "`dst = src` if the condition holds";
    "0F 40+cc /r"    cmov_rm[w](cond: select Cond, dst: reg Gpr, src: rm Mem) "`dst = [src]` if the condition holds; reads in any case";
    "0F 90+cc /0"    setcc_r(cond: select Cond, dst: rm8 Gpr)               "`dst` (1 byte) `= 1` if the condition holds, else `0`";
    "0F 90+cc /0"    setcc_m(cond: select Cond, dst: rm8 Mem)               "`[dst]` (1 byte) `= 1` if the condition holds, else `0`";

    "66 98"          cbw()                                                  "`ax = al`, sign-extended";
    "98"             cwde()                                                 "`eax = ax`, sign-extended";
    "REX.W 98"       cdqe()                                                 "`rax = eax`, sign-extended";
    "66 99"          cwd()                                                  "`dx =` the sign of ax in every bit";
    "99"             cdq()                                                  "`edx =` the sign of eax in every bit";
    "REX.W 99"       cqo()                                                  "`rdx =` the sign of rax in every bit";
}
