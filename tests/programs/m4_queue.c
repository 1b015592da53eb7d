//! realtime signals queue in order with their values, ordinary ones merge; sigwaitinfo, sigtimedwait, signalfd read them
#include <sys/signalfd.h>
#include "common.h"
static void on_signal(int signal, siginfo_t *info, void *context) {
    printf("handler %d code %d value %d from us %d\n", signal, info->si_code, info->si_value.sival_int, info->si_pid == getpid());
}
static void send(int from) {
    for (int n = 0; n < 4; n++) {
        MUST(sigqueue(getpid(), 36, (union sigval){.sival_int = from + n}));
        MUST(sigqueue(getpid(), 34 + n % 2, (union sigval){.sival_int = from + 10 + n}));
        MUST(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = from + 20 + n}));
    }
}
int main(void) {
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    for (int s = 34; s < 37; s++) sigaddset(&set, s);
    for (int s = 34; s < 37; s++) handle(s, on_signal, 0);
    handle(SIGUSR1, on_signal, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    send(0);
    printf("delivered at once:\n");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    send(100);
    for (int n = 0; n < 5; n++) {
        int signal = sigwaitinfo(&set, &info);
        printf("waited %d code %d value %d\n", signal, info.si_code, info.si_value.sival_int);
    }
    int file = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct signalfd_siginfo read_[16];
    ssize_t bytes = read(file, read_, sizeof read_);
    for (int n = 0; n < bytes / (ssize_t)sizeof *read_; n++) printf("read %d value %d\n", read_[n].ssi_signo, read_[n].ssi_int);
    CHECK(read(file, read_, sizeof read_) == -1 && errno == EAGAIN, "more is pending");
    struct timespec soon = {0, 1000000};
    CHECK(sigtimedwait(&set, &info, &soon) == -1 && errno == EAGAIN, "sigtimedwait: %s", strerror(errno));
    // An unblocked signal interrupts the wait for others.
    handle(SIGALRM, on_signal, 0);
    alarm(1);
    CHECK(sigwaitinfo(&set, &info) == -1 && errno == EINTR, "not interrupted");
    int got = 0;
    raise(SIGUSR1);
    CHECK(sigwait(&set, &got) == 0 && got == SIGUSR1, "sigwait");
    sigqueue(getpid(), 35, (union sigval){.sival_ptr = &set});
    sigwaitinfo(&set, &info);
    CHECK(info.si_value.sival_ptr == &set, "pointer value");
    return verdict();
}
