//! SA_RESETHAND, SA_NODEFER, SA_NOCLDWAIT, SA_NOCLDSTOP, SIG_IGN, old actions read back, flags kept
#include "common.h"
static volatile int count;
static void on_signal(int signal, siginfo_t *info, void *context) { count++; }
static void plain(int signal) { count += 100; }
static void show(int signal) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigaction(signal, NULL, &action);
    printf("%d: %s flags %#x mask %d\n", signal, action.sa_handler == SIG_DFL ? "default" : action.sa_handler == SIG_IGN ? "ignored" : action.sa_sigaction == on_signal ? "ours" : "other",
           action.sa_flags & ~0x04000000, sigismember(&action.sa_mask, SIGHUP));
}
int main(void) {
    int status;
    handle(SIGUSR1, on_signal, SA_RESETHAND);
    show(SIGUSR1);
    raise(SIGUSR1);
    show(SIGUSR1);
    handle(SIGUSR2, on_signal, SA_NODEFER | SA_RESTART | SA_ONSTACK);
    show(SIGUSR2);
    signal(SIGUSR2, plain);
    raise(SIGUSR2);
    struct sigaction action = {0}, old;
    action.sa_handler = SIG_IGN;
    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(SIGUSR2, &action, &old);
    printf("old was plain %d\n", old.sa_handler == plain);
    show(SIGUSR2);
    raise(SIGUSR2);
    printf("count %d\n", count);
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) {
        handle(SIGSEGV, on_signal, SA_RESETHAND);
        *(volatile int *)0 = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("segv reset", status);
    child = MUST(fork());
    if (!child) {
        signal(SIGSEGV, SIG_IGN);
        raise(SIGSEGV);
        printf("raised and ignored\n");
        fflush(stdout);
        *(volatile int *)0 = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("segv ignored", status);
    child = MUST(fork());
    if (!child) {
        sigset_t all;
        sigfillset(&all);
        handle(SIGSEGV, on_signal, 0);
        sigprocmask(SIG_BLOCK, &all, NULL);
        grind(1, 1000);
        *(volatile int *)0 = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("segv blocked", status);
    handle(SIGCHLD, on_signal, SA_NOCLDWAIT);
    child = MUST(fork());
    if (!child) _exit(5);
    CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD, "SA_NOCLDWAIT left a zombie");
    signal(SIGCHLD, SIG_IGN);
    child = MUST(fork());
    if (!child) _exit(5);
    CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD, "ignored SIGCHLD left a zombie");
    count = 0;
    handle(SIGCHLD, on_signal, SA_NOCLDSTOP);
    child = MUST(fork());
    if (!child) { raise(SIGSTOP); _exit(6); }
    waitpid(child, &status, WUNTRACED);
    print_status("stopped", status);
    CHECK(count == 0, "SA_NOCLDSTOP");
    kill(child, SIGCONT);
    while (waitpid(child, &status, 0) == -1) {}
    print_status("ended", status);
    CHECK(count == 1, "SIGCHLD %d times", count);
    return verdict();
}
