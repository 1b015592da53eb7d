//! pending, blocked and ignored signals and timers go through execs, failed ones too; handlers and signal stacks do not
#include <sys/time.h>
#include "common.h"
static void print_set(const char *name, const sigset_t *set) {
    printf(" %s:", name);
    for (int n = 1; n < 65; n++) if (sigismember(set, n) == 1) printf(" %d", n);
}
static void show(const char *when) {
    sigset_t pending, blocked, ignored;
    sigemptyset(&ignored);
    MUST(sigpending(&pending));
    MUST(sigprocmask(SIG_BLOCK, NULL, &blocked));
    for (int n = 1; n < 65; n++) {
        struct sigaction action;
        if (sigaction(n, NULL, &action) == 0 && action.sa_handler == SIG_IGN) sigaddset(&ignored, n);
    }
    stack_t stack;
    MUST(sigaltstack(NULL, &stack));
    struct itimerval timer;
    MUST(getitimer(ITIMER_REAL, &timer));
    printf("%s", when);
    print_set("pending", &pending);
    print_set("blocked", &blocked);
    print_set("ignored", &ignored);
    printf(" stack %d timer %d\n", stack.ss_flags, timer.it_value.tv_sec > 50);
    fflush(stdout);
}
static void nothing(int signal) {}
int main(int argc, char **argv) {
    int turn = argc > 1 ? atoi(argv[1]) : 0;
    show("start");
    if (turn == 4) return 0;
    sigset_t more;
    sigemptyset(&more);
    sigaddset(&more, SIGUSR1);
    sigaddset(&more, SIGSEGV);
    sigaddset(&more, SIGTRAP);
    sigaddset(&more, 40 + turn);
    MUST(sigprocmask(SIG_BLOCK, &more, NULL));
    signal(SIGUSR1, nothing);
    signal(SIGSEGV, turn & 1 ? SIG_IGN : nothing);
    signal(SIGFPE, SIG_IGN);
    signal(SIGBUS, nothing);
    stack_t stack = {.ss_sp = malloc(20000), .ss_size = 20000};
    MUST(sigaltstack(&stack, NULL));
    struct itimerval timer = {.it_value = {100, 0}};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    kill(getpid(), SIGUSR1);
    kill(getpid(), 40 + turn);
    kill(getpid(), SIGSEGV);
    kill(getpid(), SIGTRAP);
    show("sent");
    signal(SIGTRAP, turn == 2 ? SIG_DFL : SIG_IGN);
    show("ignored");
    char next[8];
    sprintf(next, "%d", turn + 1);
    execl("/nowhere", "x", NULL);
    show("failed");
    execl("/proc/self/exe", "x", next, NULL);
    return 1;
}
