//! POSIX timers by signal, by thread and to a thread, timerfd, queued values, signals with their origins, SIGIO
// flags: -pthread -lrt
#include <pthread.h>
#include <sys/timerfd.h>
#include "common.h"
static volatile int by_signal, by_thread, value, wrong;
static __thread volatile int mine;
static void on_timer(int signal, siginfo_t *info, void *context) {
    if (info->si_code != SI_TIMER) wrong++;
    value = info->si_value.sival_int;
    by_signal++;
    mine++;
}
static void in_thread(union sigval v) { value = v.sival_int; __sync_fetch_and_add(&by_thread, 1); }
static volatile siginfo_t last;
static void on_any(int signal, siginfo_t *info, void *context) { last = *info; }
static void *worker(void *unused) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = 36, .sigev_value.sival_int = 77};
    event._sigev_un._tid = syscall(SYS_gettid);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create: %s", strerror(errno));
    struct itimerspec often = {{0, 300000}, {0, 300000}};
    timer_settime(timer, 0, &often, NULL);
    while (mine < 200) grind(3, 100);
    timer_delete(timer);
    return unused;
}
int main(void) {
    handle(36, on_timer, SA_RESTART);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 36, .sigev_value.sival_int = 55};
    MUST(timer_create(CLOCK_REALTIME, &event, &timer));
    struct itimerspec often = {{0, 500000}, {0, 500000}};
    timer_settime(timer, 0, &often, NULL);
    while (by_signal < 100) grind(1, 100);
    timer_delete(timer);
    CHECK(value == 55 && !wrong, "value %d, %d wrong", value, wrong);
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    pthread_join(thread, NULL);
    CHECK(value == 77, "value %d", value);
    CHECK(mine <= by_signal - 200, "signals for the worker came here");
    struct sigevent threaded = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 99};
    MUST(timer_create(CLOCK_MONOTONIC, &threaded, &timer));
    struct itimerspec slow = {{0, 2000000}, {0, 2000000}};
    timer_settime(timer, 0, &slow, NULL);
    while (by_thread < 10) usleep(1000);
    timer_delete(timer);
    CHECK(value == 99, "value %d", value);
    int file = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(file, 0, &slow, NULL);
    uint64_t expirations, total = 0;
    while (total < 5 && read(file, &expirations, 8) == 8) total += expirations;
    CHECK(total >= 5, "timerfd");
    static const int signals[] = {SIGUSR1, SIGCHLD, SIGIO, SIGWINCH, 40};
    for (int n = 0; n < 5; n++) handle(signals[n], on_any, 0);
    sigqueue(getpid(), 40, (union sigval){.sival_int = 5});
    printf("queued: code %d value %d\n", last.si_code, last.si_value.sival_int);
    kill(getpid(), SIGUSR1);
    printf("kill: code %d from us %d\n", last.si_code, last.si_pid == getpid());
    raise(SIGUSR1);
    printf("raise: code %d from us %d\n", last.si_code, last.si_pid == getpid());
    pid_t child = fork();
    if (!child) _exit(23);
    while (last.si_signo != SIGCHLD) usleep(1000);
    printf("child: code %d status %d pid %d\n", last.si_code, last.si_status, last.si_pid == child);
    waitpid(child, NULL, 0);
    int ends[2];
    MUST(pipe(ends));
    fcntl(ends[0], F_SETOWN, getpid());
    fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    MUST(write(ends[1], "x", 1));
    printf("io: signal %d\n", last.si_signo);
    fcntl(ends[0], F_SETSIG, 40);
    MUST(write(ends[1], "x", 1));
    printf("io: signal %d code %d fd %d\n", last.si_signo, last.si_code, last.si_fd == ends[0]);
    return verdict();
}
