//! all general registers and flags survive indirect jumps, indirect calls and returns with one and with hundreds of targets
#include "regs.h"

#define TARGETS 300
__asm__(".data\n.balign 8\n.globl slot, hit\nslot: .quad 0\nslots: .quad 0, 0\nhit: .quad 0\n.text\n"
        ".balign 16\n.globl jump_targets\njump_targets:\n"
        ".set n, 0\n.rept 300\n.balign 16\nmovl $n, hit(%rip)\njmp 7f\n.set n, n + 1\n.endr\n"
        "7: jmp regs_leave\n"
        ".balign 16\n.globl call_targets\ncall_targets:\n"
        ".set n, 0\n.rept 300\n.balign 16\nmovl $n, hit(%rip)\nret\n.set n, n + 1\n.endr\n"
        ".balign 32\n.globl ret_targets\nret_targets:\n"
        ".set n, 0\n.rept 300\n.balign 32\ncall t_leaf\nmovl $n, hit(%rip)\njmp regs_leave\n.set n, n + 1\n.endr\n"
        "t_leaf: ret\n"
        "t_jmp_mem: jmp *slot(%rip)\n"
        "t_call_mem: call *slot(%rip)\n  jmp regs_leave\n"
        "t_call_twice: call *slot(%rip)\n  call *slot(%rip)\n  jmp regs_leave\n"
        "t_push_ret: pushq slot(%rip)\n  ret\n"
        "t_push_ret16: lea -16(%rsp), %rsp\n  pushq slot(%rip)\n  ret $16\n"
        "t_notrack: notrack jmp *slot(%rip)\n"
        "t_bnd: bnd jmp *slot(%rip)\n");
#define PER_REGISTER(X) X(rax) X(rcx) X(rdx) X(rbx) X(rbp) X(rsi) X(rdi) X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15)
#define FORMS(r)                                                                   \
    __asm__(".text\nt_jmp_" #r ": jmp *%" #r "\n"                                  \
            "t_call_" #r ": call *%" #r "\n  jmp regs_leave\n"                     \
            "t_based_" #r ": call *0x40(%" #r ")\n  jmp regs_leave\n");            \
    extern char t_jmp_##r[], t_call_##r[], t_based_##r[];
PER_REGISTER(FORMS)
__asm__(".text\n"
        "t_indexed: call *-8(%rbx,%rcx,8)\n  jmp regs_leave\n"
        "t_stacked: pushq slot(%rip)\n  call *(%rsp)\n  lea 8(%rsp), %rsp\n  jmp regs_leave\n"
        "t_stacked_jmp: pushq slot(%rip)\n  lea 8(%rsp), %rsp\n  jmp *-8(%rsp)\n"
        "t_ecx: call *(%ecx)\n  jmp regs_leave\n");
extern uint64_t slot, hit;
extern char jump_targets[], call_targets[], ret_targets[], t_jmp_mem[], t_call_mem[], t_call_twice[], t_push_ret[];
extern char t_push_ret16[], t_notrack[], t_bnd[], t_indexed[], t_stacked[], t_stacked_jmp[], t_ecx[];

static uint64_t seed = 0x1234567, hash;
static const int number[] = {RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15};

static void one(const char *name, const char *code, uint64_t target, int which, uint64_t value, unsigned bits) {
    struct regs given;
    regs_fill(&given, &seed, regs_spread_flags(bits));
    slot = target;
    if (which >= 0) given.r[which] = value;
    hit = ~0ull;
    regs_unchanged(name, code, &given, 0);
    hash = mix(hash, hit);
}

static void sweep(int targets, int rounds) {
    for (int n = 0; n < rounds; n++) {
        unsigned i = n % targets, bits = n % 127;
        uint64_t jump = (uint64_t)jump_targets + 16 * i, call = (uint64_t)call_targets + 16 * i;
        uint64_t back = (uint64_t)ret_targets + 32 * i;
        one("jmp mem", t_jmp_mem, jump, -1, 0, bits);
        one("notrack jmp", t_notrack, jump, -1, 0, bits);
        one("bnd jmp", t_bnd, jump, -1, 0, bits);
        one("call mem", t_call_mem, call, -1, 0, bits);
        one("call twice", t_call_twice, call, -1, 0, bits);
        one("push ret", t_push_ret, back, -1, 0, bits);
        one("ret 16", t_push_ret16, back, -1, 0, bits);
        one("call (rsp)", t_stacked, call, -1, 0, bits);
        one("jmp -8(rsp)", t_stacked_jmp, jump, -1, 0, bits);
#define ROWS(r)                                                                                       \
    {                                                                                                 \
        static const char *const codes[] = {t_jmp_##r, t_call_##r, t_based_##r};                      \
        one("jmp " #r, codes[0], 0, number[which], jump, bits);                                       \
        one("call " #r, codes[1], 0, number[which], call, bits);                                      \
        one("call 0x40(" #r ")", codes[2], call, number[which], (uint64_t)&slot - 0x40, bits);        \
        which++;                                                                                      \
    }
        int which = 0;
        PER_REGISTER(ROWS)
    }
}

static void indexed(void) {
    for (int n = 0; n < 200; n++) {
        struct regs given;
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        slot = (uint64_t)call_targets + 16 * (n % 50);
        given.r[RCX] = n * 77 + 1;
        given.r[RBX] = (uint64_t)&slot + 8 - 8 * given.r[RCX];
        regs_unchanged("call -8(rbx,rcx,8)", t_indexed, &given, 0);
    }
}

// The operand's address is 32 bits wide: the upper half of rcx does not count.
static void narrow(void) {
    uint64_t *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    MUST((long)low);
    for (int n = 0; n < 200; n++) {
        struct regs given;
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        *low = (uint64_t)call_targets + 16 * (n % 50);
        given.r[RCX] = (given.r[RCX] & 0xffffffff00000000u) | (uint64_t)low;
        regs_unchanged("call (ecx)", t_ecx, &given, 0);
    }
}

int main(void) {
    sweep(1, 130);
    sweep(2, 200);
    sweep(TARGETS, 2 * TARGETS + 11);
    indexed();
    narrow();
    printf("targets %016lx\n", hash);
    return verdict();
}
