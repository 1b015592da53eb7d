//! xbegin either falls back to the program's address or raises SIGILL there, as the processor has it
#include "regs.h"
__asm__(".text\n.globl x_begin\nx_begin: mov $5, %eax\n.globl x_at\nx_at: xbegin 1f\n  xend\n  mov $1, %ebx\n  jmp regs_leave\n1: mov $2, %ebx\n  jmp regs_leave\n");
extern char x_begin[], x_at[];
static void on_ill(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    CHECK(r[REG_RIP] == (long long)x_at, "rip");
    r[REG_RBX] = 3;
    r[REG_RIP] = (long long)regs_leave;
}
int main(void) {
    handle(SIGILL, on_ill, 0);
    struct regs regs;
    uint64_t seed = 3;
    regs_fill(&regs, &seed, 0);
    regs_enter(x_begin, &regs);
    printf("%s\n", regs.r[RBX] == 3 ? "no transactions: SIGILL" : "begun or aborted");
    return verdict();
}
