//! filters and strict mode of the program's own: refused, killed, trapped and allowed calls
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include "common.h"
static void install(unsigned action, int number, unsigned otherwise) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, otherwise),
    };
    struct sock_fprog program = {4, filter};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
// Only what this program calls itself is allowed.
static void install_narrow(void) {
    static const int allowed[] = {SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_getpid, SYS_clock_gettime};
    struct sock_filter filter[64];
    int at = 0;
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int n = 0; n < 7; n++) {
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[n], 0, 1);
        filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {at, filter};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
static long trapped;
static void on_sys(int signal, siginfo_t *info, void *context) {
    trapped = info->si_syscall;
    ucontext_t *c = context;
    CHECK((char *)info->si_call_addr == (char *)c->uc_mcontext.gregs[REG_RIP], "call address");
    c->uc_mcontext.gregs[REG_RAX] = -4242;
}
static void on_fault(int signal, siginfo_t *info, void *context) {
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = (long)info->si_addr;
}
// Code that changes while it runs, in a page that may be written all the time.
static void change(uint8_t *code) {
    long sum = 0;
    for (int n = 0; n < 60; n++) {
        code[1] = n;
        sum += ((int (*)(void))code)();
    }
    syscall(SYS_exit_group, sum == 59 * 60 / 2 ? 8 : 1);
}
static void run(const char *what, int kind) {
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) {
        if (kind == 0) {
            install(SECCOMP_RET_ERRNO | 77, SYS_getppid, SECCOMP_RET_ALLOW);
            long result = syscall(SYS_getppid);
            printf("refused: %ld errno %d\n", result, errno);
        } else if (kind == 1) {
            install(SECCOMP_RET_KILL_PROCESS, SYS_getppid, SECCOMP_RET_ALLOW);
            syscall(SYS_getppid);
        } else if (kind == 2) {
            handle(SIGSYS, on_sys, 0);
            install(SECCOMP_RET_TRAP, SYS_getppid, SECCOMP_RET_ALLOW);
            errno = 0;
            long result = syscall(SYS_getppid);
            printf("trapped %ld: %ld errno %d\n", trapped, result, errno);
        } else if (kind == 3) {
            install_narrow();
            uint64_t h = 0;
            for (int n = 0; n < 50; n++) h = mix(h, grind(n, 100 + n));
            // New code is still translated: the engine's own needs must be met before or by these calls.
            char text[64];
            int bytes = snprintf(text, sizeof text, "narrow %lx %.3f\n", h, h / 1e18);
            syscall(SYS_write, 1, text, bytes);
            syscall(SYS_exit_group, 6);
        } else if (kind == 4) {
            MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
            syscall(SYS_write, 1, "strict\n", 7);
            grind(1, 1000);
            syscall(SYS_exit, 9);
        } else if (kind == 5) {
            MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
            getppid();
        } else if (kind == 6) {
            install_narrow();
            *(volatile int *)8 = 0;
        } else if (kind == 7) {
            handle(SIGSEGV, on_fault, 0);
            install_narrow();
            long at;
            __asm__ volatile("mov (%1), %%eax" : "=a"(at) : "c"(24l));
            syscall(SYS_exit_group, at);
        } else if (kind == 8) {
            install_narrow();
            syscall(SYS_exit, 25);
        } else if (kind == 9) {
            static const uint8_t code[] = {0xb8, 0, 0, 0, 0, 0xc3};
            uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memcpy(page, code, sizeof code);
            ((int (*)(void))page)();
            install_narrow();
            change(page);
        }
        fflush(stdout);
        _exit(failures ? 1 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    print_status(what, status);
}
int main(void) {
    static const char *const names[] = {"errno", "kill", "trap", "narrow", "strict", "strict and killed", "default fault", "handled fault", "exit", "changed code"};
    for (int kind = 0; kind < 10; kind++) run(names[kind], kind);
    return verdict();
}
