//! loop, loope, loopne, jrcxz and jecxz count and branch as they do natively and change no flag
#include "regs.h"
#define FORM(name, op)                                                     \
    __asm__(".data\n.globl " #name "_n\n" #name "_n: .long 0\n.text\n"      \
            #name ":\n1: movl $0, dummy_word(%rip)\n  .byte 0x90\n"                 \
            "  jmp 3f\n2: movl $1, " #name "_n(%rip)\n  jmp regs_leave\n"   \
            "3: " op " 2b\n  movl $2, " #name "_n(%rip)\n  jmp regs_leave\n");    \
    extern char name[];                                                    \
    extern int name##_n;
__asm__(".data\n.globl dummy_word\ndummy_word: .long 0\n");
FORM(f_loop, "loop")
FORM(f_loope, "loope")
FORM(f_loopne, "loopne")
FORM(f_jrcxz, "jrcxz")
FORM(f_jecxz, "jecxz")
FORM(f_loop32, ".byte 0x67\n loop")
FORM(f_loope32, ".byte 0x67\n loope")
FORM(f_loopne32, ".byte 0x67\n loopne")
// A loop that comes back to itself, and one around a body with calls.
__asm__(".text\nb_self: loop b_self\n  jmp regs_leave\n"
        "b_body: call 1f\n  loop b_body\n  jmp regs_leave\n1: ret\n"
        "b_dec: movl $0, dummy_word(%rip)\n  loopne b_dec\n  jmp regs_leave\n");
extern char b_self[], b_body[], b_dec[];

int main(void) {
    static const struct { const char *name; const char *code; int *where; int counts; int narrow; } forms[] = {
        {"loop", f_loop, &f_loop_n, 1, 0},       {"loope", f_loope, &f_loope_n, 1, 0},
        {"loopne", f_loopne, &f_loopne_n, 1, 0}, {"jrcxz", f_jrcxz, &f_jrcxz_n, 0, 0},
        {"jecxz", f_jecxz, &f_jecxz_n, 0, 1},    {"loop 67", f_loop32, &f_loop32_n, 1, 1},
        {"loope 67", f_loope32, &f_loope32_n, 1, 1}, {"loopne 67", f_loopne32, &f_loopne32_n, 1, 1}};
    static const uint64_t counts[] = {0, 1, 2, 0x100000000, 0x100000001, 0xffffffff, 0xffffffff00000000, 0xffffffff00000001, ~0ull};
    uint64_t seed = 99, hash = 0;
    for (int round = 0; round < 2; round++)
        for (unsigned bits = 0; bits < 128; bits++)
            for (size_t f = 0; f < 8; f++)
                for (size_t c = 0; c < 9; c++) {
                    struct regs given, seen;
                    regs_fill(&given, &seed, regs_spread_flags(bits));
                    given.r[RCX] = counts[c];
                    regs_unchanged(forms[f].name, forms[f].code, &given, 1 << RCX);
                    int first = *forms[f].where;
                    seen = given;
                    regs_enter(forms[f].code, &seen);
                    CHECK(first == *forms[f].where, "%s: taken %d, then %d", forms[f].name, first, *forms[f].where);
                    uint64_t expected = counts[c] - forms[f].counts;
                    if (forms[f].counts && forms[f].narrow) expected = (uint32_t)expected;
                    CHECK(seen.r[RCX] == expected, "%s: rcx %#lx from %#lx", forms[f].name, seen.r[RCX], counts[c]);
                    hash = mix(mix(hash, first), seen.r[RCX]);
                }
    for (unsigned bits = 0; bits < 128; bits++) {
        struct regs given;
        regs_fill(&given, &seed, regs_spread_flags(bits));
        given.r[RCX] = 1000;
        regs_unchanged("self", b_self, &given, 1 << RCX);
        regs_unchanged("body", b_body, &given, 1 << RCX);
        regs_unchanged("loopne", b_dec, &given, 1 << RCX);
    }
    printf("branches %016lx\n", hash);
    return verdict();
}
