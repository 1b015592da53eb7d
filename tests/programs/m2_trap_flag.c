//! popf with TF single-steps the program: the SIGTRAP handler sees every instruction address and the flags
#include "regs.h"
__asm__(".data\n.balign 8\n.globl t_slot, t_from, t_to\nt_slot: .quad 8f\nt_from: .skip 64\nt_to: .skip 64\n.text\n"
        ".globl t_start, t_end\nt_start: pushfq\n  orq $0x100, (%rsp)\n  popfq\n"
        "  nop\n  mov $3, %ecx\n1: dec %ecx\n  jnz 1b\n  call 2f\n  jmp 3f\n2: push %rbx\n  pop %rbx\n  ret\n"
        "3: lea t_from(%rip), %rsi\n  lea t_to(%rip), %rdi\n  mov $5, %ecx\n  rep movsb\n"
        "  mov $39, %eax\n  syscall\n  nop\n"
        "  jmp *t_slot(%rip)\n8: call *t_slot2(%rip)\n  mov $2, %ecx\n4: loop 4b\n  jrcxz 5f\n  nop\n5: pushfq\n  pop %r8\n"
        "  mov %ss, %eax\n  mov %eax, %ss\n  nop\n  xor %eax, %eax\n  cpuid\n  lahf\n"
        "  pushfq\n  andq $~0x100, (%rsp)\n  popfq\n  nop\n.globl t_quiet\nt_quiet: nop\n  jmp regs_leave\n"
        "9: ret\n.data\nt_slot2: .quad 9b\n.text\n");
extern char t_start[], t_quiet[];
static int steps;
static uint64_t hash;
static int verbose;
static void on_trap(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (verbose) printf("%d: +%lld code %d tf %d trap %lld\n", steps, r[REG_RIP] - (long long)t_start, info->si_code, (int)(r[REG_EFL] >> 8 & 1), r[REG_TRAPNO]);
    steps++;
    hash = mix(hash, r[REG_RIP] - (long long)t_start);
    if (steps > 5000) r[REG_EFL] &= ~0x100ll;
}
// A handler that turns stepping off in the state it returns to.
static int left;
static void on_trap_off(int signal, siginfo_t *info, void *context) {
    if (--left == 0) ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100ll;
}
int main(void) {
    struct regs regs;
    uint64_t seed = 8;
    for (int round = 0; round < 5; round++) {
        handle(SIGTRAP, on_trap, 0);
        verbose = round == 0;
        steps = 0;
        hash = 0;
        regs_fill(&regs, &seed, 0);
        regs_enter(t_start, &regs);
        printf("%d steps, %016lx, r8 has TF %d, TF left on %d\n", steps, hash, (int)(regs.r[R8] >> 8 & 1), (int)(regs.flags >> 8 & 1));
        left = 4;
        handle(SIGTRAP, on_trap_off, 0);
        regs_fill(&regs, &seed, 0);
        regs_enter(t_start, &regs);
        printf("left %d\n", left);
    }
    return verdict();
}
