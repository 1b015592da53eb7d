//! all general registers and flags survive direct jumps, both sides of conditional jumps, calls and returns
#include "regs.h"

#define CASES(X) X(o) X(no) X(b) X(ae) X(e) X(ne) X(be) X(a) X(s) X(ns) X(p) X(np) X(l) X(ge) X(le) X(g)
#define JCC(cc)                                  \
    __asm__(".text\nt_short_" #cc ": j" #cc " 1f\n"  \
            "  nop\n  movl $1, taken_word(%rip)\n  jmp regs_leave\n" \
            "1: movl $2, taken_word(%rip)\n  jmp regs_leave\n"       \
            "t_near_" #cc ": {disp32} j" #cc " 2f\n" \
            "  movl $1, taken_word(%rip)\n  jmp regs_leave\n"        \
            "2: movl $2, taken_word(%rip)\n  jmp regs_leave\n");     \
    extern char t_short_##cc[], t_near_##cc[];
CASES(JCC)
__asm__(".data\n.globl taken_word\ntaken_word: .long 0\n.text\n"
        "t_jmp8: jmp 1f\n  ud2\n1: jmp regs_leave\n"
        "t_jmp32: {disp32} jmp 1f\n  ud2\n  .skip 200, 0xcc\n1: jmp regs_leave\n"
        "t_back: jmp 2f\n1: jmp regs_leave\n2: jmp 1b\n"
        "t_chain: jmp 1f\n3: jmp 4f\n2: jmp 3b\n1: jmp 2b\n4: jmp regs_leave\n"
        "t_call: call t_ret\n  jmp regs_leave\n"
        "t_calls: call t_call2\n  call t_ret\n  call t_ret\n  jmp regs_leave\n"
        "t_call2: call t_ret\n  call t_ret\n  ret\n"
        "t_retn: push $0x123\n  push $0x456\n  call t_ret16\n  jmp regs_leave\n"
        "t_ret: ret\n"
        "t_ret16: ret $16\n"
        "t_repret: call 1f\n  jmp regs_leave\n1: rep ret\n"
        "t_bndret: call 1f\n  jmp regs_leave\n1: repne ret\n"
        "t_next: call 1f\n1: lea 8(%rsp), %rsp\n  jmp regs_leave\n"
        "t_mid: jmp 1f\n  .byte 0x48\n1: nop\n  jmp regs_leave\n");
extern int taken_word;
extern char t_jmp8[], t_jmp32[], t_back[], t_chain[], t_call[], t_calls[], t_retn[], t_repret[], t_bndret[], t_next[], t_mid[];

int main(void) {
    static const struct { const char *name; const char *code; } all[] = {
        {"jmp8", t_jmp8}, {"jmp32", t_jmp32}, {"back", t_back}, {"chain", t_chain}, {"call", t_call}, {"calls", t_calls},
        {"retn", t_retn}, {"repret", t_repret}, {"bndret", t_bndret}, {"next", t_next}, {"mid", t_mid},
#define ROW(cc) {"short j" #cc, t_short_##cc}, {"near j" #cc, t_near_##cc},
        CASES(ROW)
    };
    uint64_t seed = 88172645463325252u, hash = 0;
    struct regs given;
    for (int round = 0; round < 3; round++)
        for (unsigned bits = 0; bits < 128; bits++)
            for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                regs_fill(&given, &seed, regs_spread_flags(bits));
                taken_word = 0;
                regs_unchanged(all[i].name, all[i].code, &given, 0);
                hash = mix(hash, taken_word);
            }
    printf("paths %016lx\n", hash);
    return verdict();
}
