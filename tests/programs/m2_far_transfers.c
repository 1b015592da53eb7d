//! far returns, far jumps, far calls and iretq to the program's own code segment
#include "regs.h"
__asm__(".data\n.balign 16\n.globl far16, far64\nfar64: .quad 0\n .word 0x33\n.balign 16\nfar32: .long 0\n .word 0x33\n.globl far_low\n.text\n"
        "r_lretq: pushq $0x33\n  lea 1f(%rip), %rax\n  push %rax\n  lretq\n1: jmp regs_leave\n"
        "r_lretq_n: pushq $1\n  pushq $2\n  pushq $0x33\n  lea 1f(%rip), %rax\n  push %rax\n  lretq $16\n1: jmp regs_leave\n"
        "r_iretq: mov %rsp, %rcx\n  pushq $0x2b\n  push %rcx\n  pushfq\n  pushq $0x33\n  lea 1f(%rip), %rax\n  push %rax\n  iretq\n1: jmp regs_leave\n"
        "r_iretq_flags: mov %rsp, %rcx\n  pushq $0x2b\n  push %rcx\n  pushq %rdx\n  pushq $0x33\n  lea 1f(%rip), %rax\n  push %rax\n  iretq\n1: jmp regs_leave\n"
        "r_iretq_stack: pushq $0x2b\n  lea -512(%rsp), %rcx\n  push %rcx\n  pushfq\n  pushq $0x33\n  lea 1f(%rip), %rax\n  push %rax\n  iretq\n1: mov %rsp, %rdx\n  lea 512+8(%rsp), %rsp\n  jmp regs_leave\n"
        "r_ljmp: lea 1f(%rip), %rax\n  mov %rax, far64(%rip)\n  rex.w ljmp *far64(%rip)\n1: jmp regs_leave\n"
        "r_lcall: lea 1f(%rip), %rax\n  mov %rax, far64(%rip)\n  rex.w lcall *far64(%rip)\n2: mov $5, %ebx\n  jmp regs_leave\n1: mov (%rsp), %rcx\n  mov 8(%rsp), %rdx\n  lea 2b(%rip), %rax\n  sub %rax, %rcx\n  lretq\n");
extern char r_lretq[], r_lretq_n[], r_iretq[], r_iretq_flags[], r_iretq_stack[], r_ljmp[], r_lcall[];
static volatile int faulted;
static void on_fault(int signal, siginfo_t *info, void *context) {
    faulted = signal;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (long)regs_leave;
}
int main(void) {
    handle(SIGSEGV, on_fault, 0);
    handle(SIGILL, on_fault, 0);
    uint64_t seed = 11;
    struct regs given, seen;
    for (unsigned n = 0; n < 256; n++) {
        unsigned changed = 1 << RAX | 1 << RCX;
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        regs_unchanged("lretq", r_lretq, &given, changed);
        regs_unchanged("lretq 16", r_lretq_n, &given, changed);
        regs_unchanged("iretq", r_iretq, &given, changed);
        regs_unchanged("iretq to another stack", r_iretq_stack, &given, changed | 1 << RDX);
        given.r[RDX] = 0x202 | regs_spread_flags(next_random(&seed) & 127);
        seen = given;
        regs_enter(r_iretq_flags, &seen);
        CHECK((seen.flags & TESTED_FLAGS) == (given.r[RDX] & TESTED_FLAGS), "iretq sets flags %#lx, not %#lx", seen.flags, given.r[RDX]);
        CHECK(seen.r[RSP] == regs_sp, "iretq: rsp");
        // AMD has no 64-bit far pointers in memory for ljmp and lcall with REX.W: whatever happens, it is as natively.
        faulted = 0;
        seen = given;
        regs_enter(r_ljmp, &seen);
        int jump = faulted;
        faulted = 0;
        seen = given;
        regs_enter(r_lcall, &seen);
        if (n == 0) printf("ljmp %d, lcall %d rbx %ld\n", jump, faulted, faulted ? 0 : seen.r[RBX]);
    }
    return verdict();
}
