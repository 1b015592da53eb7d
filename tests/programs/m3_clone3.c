//! clone3 with a stack, a pidfd, thread ids, cleared handlers, exit signals, and its errors
#include <linux/sched.h>
#include <sched.h>
#include "common.h"
static char stack[65536] __attribute__((aligned(16)));
static volatile int word;
static void on_usr(int signal, siginfo_t *info, void *context) { word = 1; }
// Calls clone3; the child calls `body` on its own stack and exits with its result.
__attribute__((noinline)) static long clone3(struct clone_args *arguments, size_t bytes, int (*body)(void)) {
    long result;
    register int (*saved)(void) __asm__("r12") = body;
    __asm__ volatile("syscall\n test %%rax, %%rax\n jnz 1f\n xor %%ebp, %%ebp\n call *%%r12\n mov %%eax, %%edi\n mov $60, %%eax\n syscall\n1:"
                     : "=a"(result) : "a"(SYS_clone3), "D"(arguments), "S"(bytes), "r"(saved) : "rcx", "r11", "memory");
    return result;
}
static int body(void) { word = 5; return 6; }
static int raises(void) { raise(SIGUSR1); return 8; }
static void show(const char *what, long child) {
    int status = 0;
    if (child < 0) { printf("%s: error %ld\n", what, -child); return; }
    CHECK(waitpid(child, &status, __WALL) == child, "%s: waitpid", what);
    print_status(what, status);
}
int main(void) {
    struct clone_args a = {.exit_signal = SIGCHLD, .stack = (uint64_t)stack, .stack_size = sizeof stack};
    show("stack", clone3(&a, sizeof a, body));
    CHECK(word == 0, "memory is shared");
    a.flags = CLONE_VM;
    show("vm", clone3(&a, sizeof a, body));
    CHECK(word == 5, "memory is not shared");
    a.flags = CLONE_VM | CLONE_VFORK;
    show("vm vfork", clone3(&a, sizeof a, body));
    handle(SIGUSR1, on_usr, 0);
    a.flags = 0;
    show("handlers kept", clone3(&a, sizeof a, raises));
    a.flags = CLONE_CLEAR_SIGHAND;
    show("handlers cleared", clone3(&a, sizeof a, raises));
    a.flags = CLONE_SIGHAND;
    show("sighand alone", clone3(&a, sizeof a, body));
    a.flags = 0;
    a.exit_signal = SIGUSR2;
    signal(SIGUSR2, SIG_IGN);
    show("other exit signal", clone3(&a, sizeof a, body));
    show("too short", clone3(&a, 16, body));
    show("bad address", clone3((void *)8, sizeof a, body));
    pid_t parent_word = 0;
    int pidfd = -1;
    struct clone_args b = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD, .pidfd = (uint64_t)&pidfd, .parent_tid = (uint64_t)&parent_word};
    long child = clone3(&b, sizeof b, body);
    CHECK(parent_word == child, "parent's word %d", parent_word);
    CHECK(pidfd >= 3 && fcntl(pidfd, F_GETFD) == FD_CLOEXEC, "pidfd %d", pidfd);
    show("fork-like", child);
    return verdict();
}
