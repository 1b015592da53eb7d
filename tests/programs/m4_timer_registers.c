//! signals at random moments see and keep every general, flag and vector register of a loop written in assembly
#include <sys/time.h>
#include "regs.h"
__asm__(".text\n"
        // All registers change in known ways; the end state tells whether one was ever disturbed.
        "k_loop: cmp $0, %ecx\n  je 9f\n"
        "  add %rax, %rdx\n  adc $3, %rbx\n  rol $7, %rbp\n  xor %rsi, %rdi\n  lea 5(%rdi,%rsi,2), %rsi\n  imul $77, %r8, %r8\n"
        "  add %r8, %r9\n  sbb %r10, %r11\n  ror $3, %r12\n  bswap %r13\n  neg %r14\n  not %r15\n  inc %r10\n"
        "  movq %rdx, %xmm0\n  paddq %xmm0, %xmm1\n  pxor %xmm1, %xmm2\n  paddq %xmm2, %xmm3\n  pshufd $0x39, %xmm3, %xmm0\n"
        "  call 1f\n  jmp *k_slot(%rip)\n1: test $4, %dl\n  jz 2f\n  add $1, %r15\n2: ret\n"
        "3: dec %ecx\n  std\n  cmc\n  cld\n  jmp k_loop\n"
        "9: movq %xmm3, %rax\n  jmp regs_leave\n"
        ".data\n.balign 8\nk_slot: .quad 3b\n.text\n");
extern char k_loop[];
static volatile long ticks;
static void on_tick(int signal, siginfo_t *info, void *context) {
    // Everything a handler may use is used.
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm1\n movdqa %%xmm0, %%xmm2\n movdqa %%xmm0, %%xmm3\n movdqa %%xmm0, %%xmm15\n"
                     "fninit\n fld1\n mov $-1, %%r8\n mov $-1, %%r11\n stc\n" ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm15", "r8", "r11", "cc");
    ticks++;
}
static struct regs run(int n) {
    uint64_t seed = n + 1;
    struct regs regs;
    regs_fill(&regs, &seed, 0);
    regs.r[RCX] = 3000;
    __asm__ volatile("pxor %%xmm0, %%xmm0\n pxor %%xmm1, %%xmm1\n pxor %%xmm2, %%xmm2\n pxor %%xmm3, %%xmm3" ::: "xmm0", "xmm1", "xmm2", "xmm3");
    regs_enter(k_loop, &regs);
    CHECK(regs.r[RSP] == regs_sp, "rsp");
    regs.r[RSP] = 0;
    regs.flags &= TESTED_FLAGS;
    return regs;
}
static void compare(int n, const struct regs *quiet, const struct regs *here) {
    if (!memcmp(quiet, here, sizeof *here)) return;
    FAIL("run %d differs after %ld ticks, flags %#lx, not %#lx:", n, ticks, here->flags, quiet->flags);
    for (int i = 0; i < 16; i++)
        if (quiet->r[i] != here->r[i]) printf("  %s %#lx, not %#lx\n", regs_names[i], here->r[i], quiet->r[i]);
}
int main(void) {
    struct regs quiet[20];
    uint64_t hash = 0;
    for (int n = 0; n < 20; n++) quiet[n] = run(n);
    handle(SIGALRM, on_tick, 0);
    handle(SIGPROF, on_tick, 0);
    struct itimerval timer = {{0, 97}, {0, 97}};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    MUST(setitimer(ITIMER_PROF, &timer, NULL));
    for (int round = 0; round < 5000 && ticks < 3000; round++)
        for (int n = 0; n < 20; n++) {
            struct regs here = run(n);
            compare(n, &quiet[n], &here);
        }
    for (int n = 0; n < 20; n++) hash = mix_bytes(hash, &quiet[n], sizeof *quiet);
    printf("%016lx\n", hash);
    return verdict();
}
