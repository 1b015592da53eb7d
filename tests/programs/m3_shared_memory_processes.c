//! processes that share memory but nothing else (CLONE_VM alone) run at once, with handlers, timers and deaths of their own
#include <sched.h>
#include <sys/time.h>
#include "common.h"
enum { COUNT = 4 };
static char stacks[COUNT][65536] __attribute__((aligned(16)));
static volatile uint64_t results[COUNT + 1];
static volatile int ticks[COUNT + 1];
static uint64_t work(int n) {
    uint64_t h = n;
    for (int i = 0; i < 1500; i++) h = grind(h, 100 + n);
    return h;
}
// Thread-local data is the parent's, so nothing here uses the C library but for bare calls.
static void on_tick(int signal, siginfo_t *info, void *context) { ticks[signal == SIGALRM ? 0 : signal - 40]++; }
static int body(void *argument) {
    int n = (int)(long)argument;
    struct sigaction action = {0};
    action.sa_sigaction = on_tick;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(41 + n, &action, NULL);
    pid_t self = syscall(SYS_getpid);
    uint64_t h = 0;
    for (int i = 0; i < 5; i++) {
        syscall(SYS_kill, self, 41 + n);
        h = mix(h, work(n));
    }
    results[n] = h;
    if (n == 2) *(volatile int *)16 = 1;
    return 30 + n;
}
int main(void) {
    pid_t children[COUNT];
    for (int round = 0; round < 6; round++) {
        for (long n = 0; n < COUNT; n++) children[n] = MUST(clone(body, stacks[n] + sizeof stacks[n], CLONE_VM | SIGCHLD, (void *)n));
        uint64_t mine = work(99);
        for (int n = 0; n < COUNT; n++) {
            int status;
            CHECK(waitpid(children[n], &status, 0) == children[n], "waitpid");
            if (round == 0) print_status("child", status);
            uint64_t h = 0;
            for (int i = 0; i < 5; i++) h = mix(h, work(n));
            CHECK(results[n] == h, "child %d computed something else", n);
        }
        CHECK(mine == work(99), "the parent computed something else");
    }
    for (int n = 1; n <= COUNT; n++) CHECK(ticks[n] == 30, "child %d handled %d signals", n - 1, ticks[n]);
    struct sigaction action;
    sigaction(41, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL, "a child's handler is the parent's");
    return verdict();
}
