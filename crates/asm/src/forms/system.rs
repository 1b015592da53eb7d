//! Flags, strings, processor state and other instructions of fixed operands.

use crate::mem::Mem;
use crate::reg::Gpr;

forms! {
    "9C"                 pushfq()                   "Pushes the flags, 8 bytes";
    "9D"                 popfq()                    "Pops the flags, 8 bytes";
    "9F"                 lahf()                     "`ah =` SF ZF AF PF CF (not OF)";
    "9E"                 sahf()                     "SF ZF AF PF CF `= ah` (not OF)";
    "F5"                 cmc()                      "Inverts CF";
    "F8"                 clc()                      "Clears CF";
    "F9"                 stc()                      "Sets CF";
    "FC"                 cld()                      "Clears DF: strings go upwards";
    "FD"                 std()                      "Sets DF: strings go downwards";

    "F3 A4"              rep_movsb()                "Copies rcx bytes from `[rsi]` to `[rdi]`";
    "F3 REX.W A5"        rep_movsq()                "Copies rcx 8-byte words from `[rsi]` to `[rdi]`";
    "F3 AA"              rep_stosb()                "Fills rcx bytes at `[rdi]` with al";
    "F3 REX.W AB"        rep_stosq()                "Fills rcx 8-byte words at `[rdi]` with rax";
    "A4"                 movsb()                    "Copies one byte from `[rsi]` to `[rdi]`";
    "REX.W A5"           movsq()                    "Copies 8 bytes from `[rsi]` to `[rdi]`";
    "AA"                 stosb()                    "Stores al at `[rdi]`";
    "REX.W AB"           stosq()                    "Stores rax at `[rdi]`";

    "0F A2"              cpuid()                    "`eax, ebx, ecx, edx =` processor information";
    "0F 31"              rdtsc()                    "`edx:eax =` time-stamp counter";
    "0F 01 D0"           xgetbv()                   "`edx:eax =` the extended control register in ecx";
    "F3 90"              pause()                    "Tells the processor that this is a spin loop";
    "F3 0F 1E FA"        endbr64()                  "Target of an indirect branch";
    "0F AE E8"           lfence()                   "Orders loads";
    "0F AE F0"           mfence()                   "Orders loads and stores";
    "0F AE F8"           sfence()                   "Orders stores";

    "F3 REX.W 0F AE /0"  rdfsbase(dst: rm Gpr)      "`dst =` base of FS";
    "F3 REX.W 0F AE /1"  rdgsbase(dst: rm Gpr)      "`dst =` base of GS";
    "F3 REX.W 0F AE /2"  wrfsbase(src: rm Gpr)      "Base of FS `= src`";
    "F3 REX.W 0F AE /3"  wrgsbase(src: rm Gpr)      "Base of GS `= src`";

    "REX.W 0F AE /0"     fxsave64(dst: rm Mem)      "Saves x87 and SSE state to 512 bytes at `[dst]`, aligned to 16";
    "REX.W 0F AE /1"     fxrstor64(src: rm Mem)     "Restores x87 and SSE state from 512 bytes at `[src]`, aligned to 16";
    "REX.W 0F AE /4"     xsave64(dst: rm Mem)       "Saves the components in edx:eax to `[dst]`, aligned to 64";
    "REX.W 0F AE /6"     xsaveopt64(dst: rm Mem)    "As `xsave64`, leaving out what has not changed";
    "REX.W 0F C7 /4"     xsavec64(dst: rm Mem)      "As `xsave64`, in compacted layout";
    "REX.W 0F AE /5"     xrstor64(src: rm Mem)      "Restores the components in edx:eax from `[src]`, aligned to 64";
    "0F AE /2"           ldmxcsr(src: rm Mem)       "MXCSR `= [src]`, 4 bytes";
    "0F AE /3"           stmxcsr(dst: rm Mem)       "`[dst] =` MXCSR, 4 bytes";
    "D9 /5"              fldcw(src: rm Mem)         "x87 control word `= [src]`, 2 bytes";
    "D9 /7"              fnstcw(dst: rm Mem)        "`[dst] =` x87 control word, 2 bytes";
    "0F 18 /1"           prefetcht0(src: rm Mem)    "Brings the line of `[src]` near; never faults";
}
