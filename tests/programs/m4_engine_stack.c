//! a stack pointer to all memory that can be written, by turns, with a signal at each: it stays what it is
#include <sys/time.h>
#include "common.h"
int traps_seen;
#define traps (*(volatile int *)&traps_seen)
static volatile uint64_t shown;
static void on_trap(int signal, siginfo_t *info, void *context) {
    traps++;
    shown = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
}
static int sent;
// Until a signal has come: its own, or that of a timer.
static void trap_at(uint64_t rsp) {
    int before = traps;
    if (sent)
        __asm__ volatile("mov %%rsp, %%rbx\n  mov %0, %%rsp\n1: pause\n  cmp %1, %2\n  je 1b\n  mov %%rbx, %%rsp\n"
                         : : "r"(rsp), "r"(before), "m"(traps) : "rbx", "memory", "cc");
    else
        __asm__ volatile("mov %%rsp, %%rbx\n  mov %0, %%rsp\n  int3\n  mov %%rbx, %%rsp\n" : : "r"(rsp) : "rbx", "memory");
}
int main(int argc, char **argv) {
    static char stack[65536], text[1 << 20];
    stack_t alternate = {stack, 0, sizeof stack};
    MUST(sigaltstack(&alternate, NULL));
    handle(SIGTRAP, on_trap, SA_ONSTACK);
    handle(SIGALRM, on_trap, SA_ONSTACK);
    trap_at((uint64_t)&main);
    CHECK(traps == 1 && shown == (uint64_t)&main, "%d traps", traps);
    sent = argc > 1 && *argv[1] == 's';
    struct itimerval timer = {{0, 500}, {0, 500}};
    if (sent) MUST(setitimer(ITIMER_REAL, &timer, NULL));
    // Elsewhere than in an engine, all of these are the program's.
    int maps = argc > 1 ? open("/proc/self/maps", O_RDONLY) : -1;
    size_t bytes = 0;
    for (long n; maps >= 0 && (n = read(maps, text + bytes, sizeof text - 1 - bytes)) > 0;) bytes += n;
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        uint64_t start = 0, end = 0;
        char access[5] = "";
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || strncmp(access, "rw", 2)) continue;
        for (uint64_t at = start + 0x8000; at < end && at < start + (64 << 20); at += 0x10000)
            if (at < (uint64_t)stack || at > (uint64_t)stack + sizeof stack) trap_at(at);
    }
    return verdict();
}
