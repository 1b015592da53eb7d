//! system calls that the program has handed back to itself: registers, selector, range, fork, threads, deaths
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include "common.h"
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
static volatile char selector;
static volatile long count, numbers, ticks;
static long here(long number, long a, long b) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}
static void on_sys(int signal, siginfo_t *info, void *context) {
    selector = 0;
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    CHECK(info->si_code == 2 && info->si_errno == 0, "code %d", info->si_code);
    CHECK((long)info->si_call_addr == regs[REG_RIP], "call address");
    CHECK(info->si_syscall == (int)regs[REG_RAX], "number %d, rax %lld", info->si_syscall, regs[REG_RAX]);
    CHECK(regs[REG_RCX] == regs[REG_RIP], "rcx");
    CHECK(regs[REG_R11] == regs[REG_EFL], "r11 %llx, flags %llx", regs[REG_R11], regs[REG_EFL]);
    CHECK(memcmp((char *)regs[REG_RIP] - 2, "\x0f\x05", 2) == 0, "behind a system call");
    count++;
    numbers = numbers * 31 + info->si_syscall;
    regs[REG_RAX] = regs[REG_RDI] * 2 + regs[REG_RSI];
}
static void on_tick(int signal) { ticks++; }
static void on(void *from, size_t bytes, volatile char *byte) {
    MUST(prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, from, bytes, byte));
}
static void off(void) {
    selector = 0;
    MUST(prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0));
}
static void refused(long mode, long from, long bytes, long byte) {
    errno = 0;
    printf("%ld %lx %lx %s: %d", mode, from, bytes, byte ? "byte" : "none",
           prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, from, bytes, byte));
    printf(" %s\n", errno ? strerror(errno) : "");
}
static void *other_thread(void *unused) {
    // Selector says "block", but this thread has never asked.
    return (void *)(long)(here(SYS_gettid, 0, 0) > 0);
}
enum { MASKED, IGNORED, DEFAULT, ODD_BYTE, NO_BYTE };
static void die(int how) {
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGSYS);
        if (how == MASKED) MUST(sigprocmask(SIG_BLOCK, &set, 0));
        if (how == IGNORED) signal(SIGSYS, SIG_IGN);
        if (how == DEFAULT) signal(SIGSYS, SIG_DFL);
        volatile char *byte = &selector;
        if (how == NO_BYTE) byte = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        on(0, 0, byte);
        if (how == NO_BYTE) here(SYS_munmap, (long)byte, 4096);
        selector = how == ODD_BYTE ? 7 : 1;
        here(SYS_getpid, 1, 2);
        selector = 0;
        here(SYS_exit_group, 3, 0);
    }
    int status;
    MUST(waitpid(child, &status, 0));
    printf("death %d: %s %d\n", how, WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
int main(void) {
    struct sigaction act = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    MUST(sigaction(SIGSYS, &act, 0));
    refused(0, 0, 0, (long)&selector);
    refused(1, 8, -1, (long)&selector);
    refused(1, 8, 0, 0);
    refused(1, 0, 0, -1);
    refused(9, 0, 0, 0);
    on(0, 0, &selector);
    for (int n = 0; n < 500; n++) {
        selector = 1;
        long result = here(n & 1 ? SYS_getpid : 0xe000, n, 5);
        selector = 0;
        CHECK(result == n * 2 + 5, "answer %ld", result);
        CHECK(here(SYS_getpid, 0, 0) == getpid(), "allowed again");
    }
    printf("%ld handed back, %lx\n", count, numbers);
    // A child of fork has not asked.
    fflush(stdout);
    selector = 1;
    syscall(SYS_fork);
    // ... which was a call too, and handed back.
    selector = 0;
    printf("fork: %ld\n", count);
    pid_t child = MUST(fork());
    if (!child) {
        selector = 1;
        here(SYS_exit_group, here(SYS_getpid, 0, 0) > 1 ? 4 : 5, 0);
    }
    int status;
    MUST(waitpid(child, &status, 0));
    printf("child %d\n", WEXITSTATUS(status));
    pthread_t thread;
    void *result;
    MUST(pthread_create(&thread, 0, other_thread, 0));
    selector = 0;
    MUST(pthread_join(thread, &result));
    printf("thread %ld\n", (long)result);
    // With timers: the signal is for the call, whatever comes at the same moment.
    act = (struct sigaction){.sa_handler = on_tick, .sa_flags = SA_RESTART};
    MUST(sigaction(SIGALRM, &act, 0));
    off();
    // The whole C library is allowed, where the handlers return to the kernel.
    char line[256];
    unsigned long low = 0, high = 0, a, b;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx", &a, &b) == 2 && a <= (unsigned long)&getpid && (unsigned long)&getpid < b)
            low = a, high = b;
    fclose(maps);
    if (low && !((unsigned long)&here >= low && (unsigned long)&here < high)) {
        struct itimerval timer = {{0, 100}, {0, 100}};
        MUST(setitimer(ITIMER_REAL, &timer, 0));
        on((void *)low, high - low, &selector);
        count = 0;
        for (int n = 0; n < 4000; n++) {
            selector = 1;
            long got = here(SYS_getpid, n, 1);
            CHECK(got == n * 2 + 1, "with timers %ld", got);
        }
        selector = 0;
        memset(&timer, 0, sizeof timer);
        MUST(setitimer(ITIMER_REAL, &timer, 0));
        off();
        CHECK(count == 4000, "%ld of 4000", count);
        CHECK(ticks > 0, "no ticks");
    }
    for (int how = MASKED; how <= NO_BYTE; how++) die(how);
    return verdict();
}
