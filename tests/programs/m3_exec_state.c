//! what exec keeps and resets: dispositions, mask, pending signals, alternate stack, timers, thread name
#include <sys/prctl.h>
#include <sys/time.h>
#include "common.h"
static void on_signal(int signal, siginfo_t *info, void *context) {}
static char alternate[65536];
int main(int argc, char **argv) {
    sigset_t set, pending;
    struct sigaction action;
    if (argc > 1) {
        for (int s = 1; s < 65; s++) {
            if (sigaction(s, NULL, &action)) continue;
            if (action.sa_handler == SIG_IGN) printf("ignored %d\n", s);
            else if (action.sa_handler != SIG_DFL) printf("handled %d?\n", s);
            if (action.sa_flags & ~0x04000000) printf("flags of %d: %#x\n", s, action.sa_flags);
        }
        sigprocmask(0, NULL, &set);
        sigpending(&pending);
        for (int s = 1; s < 65; s++) {
            if (sigismember(&set, s) == 1) printf("blocked %d\n", s);
            if (sigismember(&pending, s) == 1) printf("pending %d\n", s);
        }
        stack_t stack;
        sigaltstack(NULL, &stack);
        printf("alternate stack %s\n", stack.ss_flags & SS_DISABLE ? "off" : "on");
        struct itimerval timer;
        getitimer(ITIMER_REAL, &timer);
        CHECK(timer.it_value.tv_sec > 50, "the timer is gone");
        char name[32] = "";
        prctl(PR_GET_NAME, name);
        printf("name %.6s\n", name);
        return verdict();
    }
    handle(SIGUSR1, on_signal, SA_NODEFER | SA_ONSTACK);
    handle(SIGSEGV, on_signal, 0);
    handle(40, on_signal, 0);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, 41);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    raise(41);
    struct itimerval timer = {{0, 0}, {100, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    prctl(PR_SET_NAME, "renamed");
    execl("/proc/self/exe", "m3_exec_state", "again", NULL);
    return 99;
}
