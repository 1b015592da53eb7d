// Runs a piece of assembly with every general register and flag given, and looks at all of them after it.
//
// regs_enter(code, regs) loads everything but rsp and jumps to `code`, which ends with `jmp regs_leave`.
// The order is that of register numbers: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15.
#ifndef REGS_H
#define REGS_H
#include "common.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
// CF PF AF ZF SF DF OF
#define TESTED_FLAGS 0xcd5ul

struct regs {
    uint64_t r[16];
    uint64_t flags;
};

extern void regs_enter(const void *code, struct regs *regs);
extern char regs_leave[];
extern uint64_t regs_sp;

__asm__(
    ".pushsection .data\n"
    ".balign 8\n"
    "regs_code: .quad 0\n"
    "regs_ptr: .quad 0\n"
    "regs_rax: .quad 0\n"
    ".globl regs_sp\n"
    "regs_sp: .quad 0\n"
    ".popsection\n"
    ".pushsection .text\n"
    ".globl regs_enter\n"
    "regs_enter:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n  pushfq\n"
    "  mov %rdi, regs_code(%rip)\n"
    "  mov %rsi, regs_ptr(%rip)\n"
    "  mov %rsp, regs_sp(%rip)\n"
    "  pushq 128(%rsi)\n"
    "  mov 0(%rsi), %rax\n  mov 8(%rsi), %rcx\n  mov 16(%rsi), %rdx\n  mov 24(%rsi), %rbx\n"
    "  mov 40(%rsi), %rbp\n  mov 56(%rsi), %rdi\n"
    "  mov 64(%rsi), %r8\n  mov 72(%rsi), %r9\n  mov 80(%rsi), %r10\n  mov 88(%rsi), %r11\n"
    "  mov 96(%rsi), %r12\n  mov 104(%rsi), %r13\n  mov 112(%rsi), %r14\n  mov 120(%rsi), %r15\n"
    "  mov 48(%rsi), %rsi\n"
    "  popfq\n"
    "  jmp *regs_code(%rip)\n"
    ".globl regs_leave\n"
    "regs_leave:\n"
    "  mov %rax, regs_rax(%rip)\n"
    "  mov regs_ptr(%rip), %rax\n"
    "  mov %rsp, 32(%rax)\n"
    "  mov regs_sp(%rip), %rsp\n"
    "  pushfq\n"
    "  popq 128(%rax)\n"
    "  mov %rcx, 8(%rax)\n  mov %rdx, 16(%rax)\n  mov %rbx, 24(%rax)\n  mov %rbp, 40(%rax)\n"
    "  mov %rsi, 48(%rax)\n  mov %rdi, 56(%rax)\n"
    "  mov %r8, 64(%rax)\n  mov %r9, 72(%rax)\n  mov %r10, 80(%rax)\n  mov %r11, 88(%rax)\n"
    "  mov %r12, 96(%rax)\n  mov %r13, 104(%rax)\n  mov %r14, 112(%rax)\n  mov %r15, 120(%rax)\n"
    "  mov regs_rax(%rip), %rcx\n"
    "  mov %rcx, 0(%rax)\n"
    "  popfq\n  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
    "  ret\n"
    ".popsection\n");

static const char *const regs_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static inline void regs_fill(struct regs *regs, uint64_t *seed, uint64_t flags) {
    for (int i = 0; i < 16; i++) regs->r[i] = next_random(seed);
    regs->flags = 0x202 | (flags & TESTED_FLAGS);
}

// Spreads a number of 7 bits over the seven flags.
static inline uint64_t regs_spread_flags(unsigned bits) {
    static const int at[7] = {0, 2, 4, 6, 7, 10, 11};
    uint64_t flags = 0;
    for (int i = 0; i < 7; i++) flags |= (uint64_t)(bits >> i & 1) << at[i];
    return flags;
}

// Runs `code` and checks that it changed nothing but the registers whose bits are set in `may_change`.
static inline void regs_unchanged(const char *name, const void *code, const struct regs *given, unsigned may_change) {
    struct regs seen = *given;
    regs_enter(code, &seen);
    for (int i = 0; i < 16; i++) {
        uint64_t expected = i == RSP ? regs_sp : given->r[i];
        if (may_change >> i & 1) continue;
        CHECK(seen.r[i] == expected, "%s: %s is %#lx, not %#lx", name, regs_names[i], seen.r[i], expected);
    }
    CHECK((seen.flags & TESTED_FLAGS) == (given->flags & TESTED_FLAGS), "%s: flags %#lx, not %#lx", name,
          seen.flags & TESTED_FLAGS, given->flags & TESTED_FLAGS);
}
#endif
