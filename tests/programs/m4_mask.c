//! masks: the handler's frame holds the old one, a change there takes effect on return, sigsuspend swaps it
#include "common.h"
static void show(const char *what) {
    sigset_t set;
    sigprocmask(0, NULL, &set);
    printf("%s:", what);
    for (int s = 1; s < 65; s++) if (sigismember(&set, s) == 1) printf(" %d", s);
    printf("\n");
}
static void on_signal(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    show("in the handler");
    printf("saved:");
    for (int s = 1; s < 65; s++) if (sigismember(&c->uc_sigmask, s) == 1) printf(" %d", s);
    printf("\n");
    if (signal == SIGUSR1) sigaddset(&c->uc_sigmask, SIGTERM);
    if (signal == SIGUSR2) sigdelset(&c->uc_sigmask, SIGTERM);
}
static void on_alarm(int signal, siginfo_t *info, void *context) { show("alarm during sigsuspend"); }
int main(void) {
    handle(SIGUSR1, on_signal, 0);
    handle(SIGUSR2, on_signal, 0);
    handle(SIGALRM, on_alarm, 0);
    show("start");
    raise(SIGUSR1);
    show("after usr1");
    raise(SIGUSR2);
    show("after usr2");
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    raise(SIGALRM);
    sigpending(&pending);
    printf("pending %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGALRM));
    sigdelset(&set, SIGALRM);
    CHECK(sigsuspend(&set) == -1 && errno == EINTR, "sigsuspend");
    show("after sigsuspend");
    sigprocmask(SIG_SETMASK, NULL, &set);
    sigemptyset(&set);
    CHECK(sigsuspend(&set) == -1 && errno == EINTR, "sigsuspend");
    sigprocmask(SIG_SETMASK, &set, NULL);
    // Uncatchable ones cannot be blocked, and the mask says so.
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    show("everything");
    CHECK(sigaction(SIGKILL, &(struct sigaction){0}, NULL) == -1 && errno == EINVAL, "SIGKILL has an action");
    CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4) == -1 && errno == EINVAL, "a mask of 4 bytes");
    CHECK(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8) == -1 && errno == EFAULT, "an action at a bad address");
    return verdict();
}
