//! handlers nest as masks and SA_NODEFER allow, in the order of the kernel
#include "common.h"
static int depth, raised;
static void note(const char *what, int signal) {
    for (int n = 0; n < depth; n++) putchar(' ');
    sigset_t set;
    sigprocmask(0, NULL, &set);
    printf("%s %d, blocked:", what, signal);
    for (int s = 1; s < 65; s++) if (sigismember(&set, s) == 1) printf(" %d", s);
    printf("\n");
}
static void on_signal(int signal, siginfo_t *info, void *context) {
    note("in", signal);
    depth++;
    if (signal == SIGUSR1 && depth < 4 && raised++ < 9) raise(SIGUSR2);
    if (signal == SIGUSR2 && depth < 4 && raised++ < 9) raise(SIGUSR1);
    if (signal == SIGTERM && depth < 4) raise(SIGTERM);
    if (signal == SIGHUP && raised++ < 14) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        raise(SIGHUP);
    }
    depth--;
    note("out", signal);
}
int main(void) {
    struct sigaction action = {0};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGTERM, &action, NULL);
    action.sa_flags = SA_SIGINFO;
    sigaddset(&action.sa_mask, SIGUSR1);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaddset(&action.sa_mask, 35);
    sigaction(SIGHUP, &action, NULL);
    raise(SIGUSR1);
    raise(SIGTERM);
    raised = 10;
    raise(SIGHUP);
    // Several at once.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    depth = 4;
    raise(SIGTERM);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    note("before unblocking", 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    note("after", 0);
    return verdict();
}
