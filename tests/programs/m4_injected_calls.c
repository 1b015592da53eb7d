//! a handler injects a call into whatever was interrupted, as preemptive runtimes do: everything is saved, used and restored
#include <sys/time.h>
#include "regs.h"
__asm__(".text\n"
        // No red zone is used here, so a return address may be pushed at any instruction.
        "j_loop: cmp $0, %ecx\n  je 9f\n"
        "  add %rax, %rdx\n  adc $3, %rbx\n  rol $7, %rbp\n  xor %rsi, %rdi\n  lea 5(%rdi,%rsi,2), %rsi\n  imul $77, %r8, %r8\n"
        "  add %r8, %r9\n  sbb %r10, %r11\n  ror $3, %r12\n  bswap %r13\n  neg %r14\n  not %r15\n  inc %r10\n"
        "  movq %rdx, %xmm0\n  paddq %xmm0, %xmm1\n  pxor %xmm1, %xmm2\n  paddq %xmm2, %xmm3\n"
        "  call 1f\n  jmp *j_slot(%rip)\n1: test $4, %dl\n  jz 2f\n  add $1, %r15\n2: ret\n"
        "3: dec %ecx\n  cmc\n  jmp j_loop\n9: movq %xmm3, %rax\n  jmp regs_leave\n.globl j_end\nj_end:\n"
        ".globl injected\ninjected: pushfq\n  push %rax\n  push %rcx\n  push %rdx\n  push %rbx\n  push %rbp\n  push %rsi\n  push %rdi\n"
        "  push %r8\n  push %r9\n  push %r10\n  push %r11\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, %rbp\n  sub $640, %rsp\n  and $-64, %rsp\n  fxsave64 (%rsp)\n  cld\n  call at_preemption\n  fxrstor64 (%rsp)\n  mov %rbp, %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %r11\n  pop %r10\n  pop %r9\n  pop %r8\n"
        "  pop %rdi\n  pop %rsi\n  pop %rbp\n  pop %rbx\n  pop %rdx\n  pop %rcx\n  pop %rax\n  popfq\n  ret\n"
        ".data\n.balign 8\nj_slot: .quad 3b\n.text\n");
extern char j_loop[], j_end[], injected[];
static volatile long ticks, preempted;
__attribute__((used)) void at_preemption(void) {
    preempted++;
    grind(preempted, 30);
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm1\n movdqa %%xmm0, %%xmm2\n movdqa %%xmm0, %%xmm3" ::: "xmm0", "xmm1", "xmm2", "xmm3");
}
static void on_tick(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    ticks++;
    if (r[REG_RIP] < (greg_t)j_loop || r[REG_RIP] >= (greg_t)j_end) return;
    r[REG_RSP] -= 8;
    *(greg_t *)r[REG_RSP] = r[REG_RIP];
    r[REG_RIP] = (greg_t)injected;
}
static struct regs run(int n) {
    uint64_t seed = n + 1;
    struct regs regs;
    regs_fill(&regs, &seed, 0);
    regs.r[RCX] = 3000;
    __asm__ volatile("pxor %%xmm0, %%xmm0\n pxor %%xmm1, %%xmm1\n pxor %%xmm2, %%xmm2\n pxor %%xmm3, %%xmm3" ::: "xmm0", "xmm1", "xmm2", "xmm3");
    regs_enter(j_loop, &regs);
    regs.r[RSP] = 0;
    regs.flags &= TESTED_FLAGS;
    return regs;
}
int main(void) {
    struct regs quiet[10];
    for (int n = 0; n < 10; n++) quiet[n] = run(n);
    handle(SIGALRM, on_tick, 0);
    struct itimerval timer = {{0, 97}, {0, 97}};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    for (int round = 0; round < 8000 && preempted < 2000; round++)
        for (int n = 0; n < 10; n++) {
            struct regs here = run(n);
            for (int i = 0; i < 16; i++) CHECK(here.r[i] == quiet[n].r[i], "run %d: %s is %#lx, not %#lx, after %ld calls", n, regs_names[i], here.r[i], quiet[n].r[i], preempted);
            CHECK(here.flags == quiet[n].flags, "run %d: flags", n);
        }
    CHECK(preempted > 200, "%ld calls injected in %ld ticks", preempted, ticks);
    return verdict();
}
