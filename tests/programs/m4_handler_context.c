//! an asynchronous handler sees an address inside the program's code, its stack pointer and its registers, at all times
#include <sys/time.h>
#include "regs.h"
__asm__(".text\n.globl h_start, h_end\n"
        "h_start: mov $0x1111, %r12\n  mov $20000, %ecx\n"
        "1: mov $0x2222, %r13\n  call *h_slot(%rip)\n  mov $0x3333, %r13\n  jmp *h_next(%rip)\n"
        "2: dec %ecx\n  jnz 1b\n  jmp regs_leave\n"
        "3: push $0x44\n  pop %r14\n  ret\n.globl h_end\nh_end: nop\n"
        ".data\n.balign 8\nh_slot: .quad 3b\nh_next: .quad 2b\n.text\n");
extern char h_start[], h_end[];
static volatile long ticks, inside;
static volatile int active;
static struct { uint64_t start, end; } ranges[64];
static int count;
// Code that the program itself has mapped: files and the vdso.
static void read_ranges(void) {
    char line[4400], permissions[8], path[4200];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (count < 64 && fgets(line, sizeof line, maps)) {
        path[0] = 0;
        sscanf(line, "%lx-%lx %7s %*s %*s %*s %4199s", &ranges[count].start, &ranges[count].end, permissions, path);
        if (permissions[2] == 'x' && ((path[0] == '/' && strncmp(path, "/memfd:", 7) && !strstr(line, "(deleted)")) || !strcmp(path, "[vdso]"))) count++;
    }
    fclose(maps);
}
static int is_code(uint64_t rip) {
    for (int n = 0; n < count; n++)
        if (rip >= ranges[n].start && rip < ranges[n].end) return 1;
    return 0;
}
static void on_tick(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t rip = r[REG_RIP], here = (uint64_t)__builtin_frame_address(0);
    ticks++;
    CHECK(is_code(rip), "rip %#lx is not in the program's code", rip);
    CHECK(here < (uint64_t)r[REG_RSP], "the frame lies above rsp");
    if (rip - (uint64_t)h_start < (uint64_t)(h_end - h_start)) {
        inside++;
        uint64_t off = rip - (uint64_t)h_start;
        CHECK(r[REG_RSP] == (greg_t)regs_sp || r[REG_RSP] == (greg_t)regs_sp - 8 || r[REG_RSP] == (greg_t)regs_sp - 16, "rsp at +%lu is off by %lld", off, (long long)regs_sp - r[REG_RSP]);
        if (off > 7) CHECK(r[REG_R12] == 0x1111, "r12 at +%lu is %#llx", off, r[REG_R12]);
        if (off > 12) CHECK(r[REG_RCX] <= 20000 && r[REG_RCX] >= 0, "rcx at +%lu is %#llx", off, r[REG_RCX]);
        if (off > 19) CHECK(r[REG_R13] == 0x2222 || r[REG_R13] == 0x3333, "r13 at +%lu is %#llx", off, r[REG_R13]);
    }
}
int main(void) {
    read_ranges();
    handle(SIGALRM, on_tick, 0);
    struct itimerval timer = {{0, 100}, {0, 100}};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    uint64_t seed = 3;
    for (int round = 0; round < 20000 && inside < 1000; round++) {
        struct regs regs;
        regs_fill(&regs, &seed, 0);
        regs_enter(h_start, &regs);
        CHECK(regs.r[R14] == 0x44, "r14");
    }
    CHECK(inside > 100, "%ld of %ld ticks inside", inside, ticks);
    return verdict();
}
