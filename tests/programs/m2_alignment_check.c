//! with the AC flag set an unaligned access raises SIGBUS at the program's instruction, and the engine's own accesses do not
#include "regs.h"
__asm__(".data\n.balign 8\n.globl ac_slot\nac_slot: .quad 0\n.text\n"
        "ac_run: pushfq\n  orq $0x40000, (%rsp)\n  popfq\n  mov $300, %ecx\n1: jmp *ac_slot(%rip)\n"
        ".balign 16\nac_targets: .rept 4\n.balign 16\njmp 2f\n.endr\n2: call 3f\n  loop 1b\n"
        ".globl ac_fault, ac_after\nac_fault: mov 1(%rsp), %rax\nac_after: pushfq\n  andq $~0x40000, (%rsp)\n  popfq\n  jmp regs_leave\n3: ret\n");
extern uint64_t ac_slot;
extern char ac_run[], ac_targets[], ac_fault[], ac_after[];
static volatile int faults, code;
static void on_bus(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    __asm__ volatile("pushfq\n andq $~0x40000, (%%rsp)\n popfq" ::: "cc", "memory");
    CHECK(r[REG_RIP] == (long long)ac_fault, "rip is off by %lld", r[REG_RIP] - (long long)ac_fault);
    CHECK(r[REG_EFL] >> 18 & 1, "AC is gone");
    r[REG_RIP] = (long long)ac_after;
    faults++;
    code = info->si_code;
}
int main(void) {
    handle(SIGBUS, on_bus, 0);
    uint64_t seed = 3;
    for (int n = 0; n < 8; n++) {
        struct regs regs;
        regs_fill(&regs, &seed, 0);
        ac_slot = (uint64_t)ac_targets + 16 * (n % 4);
        regs_enter(ac_run, &regs);
    }
    printf("%d faults, code %d\n", faults, code);
    return verdict();
}
