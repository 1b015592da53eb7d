//! system calls end with EINTR or restart as the handler's flags and the call say
// flags: -pthread
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "common.h"
static volatile int handled;
static int ends[2];
static void on_alarm(int signal, siginfo_t *info, void *context) { handled++; }
// The second alarm makes the call possible.
static void on_alarm_write(int signal, siginfo_t *info, void *context) {
    if (++handled == 3) MUST(write(ends[1], "x", 1));
}
static void arm(void) {
    struct itimerval timer = {{0, 150000}, {0, 30000}};
    handled = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}
static void disarm(const char *what, long result) {
    int error = errno;
    struct itimerval off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &off, NULL);
    printf("%s: %ld %s, handled %s\n", what, result, result < 0 ? strerror(error) : "", handled == 0 ? "never" : handled == 1 ? "once" : "more often");
}
#define TRY(what, call) do { arm(); errno = 0; long r_ = (call); disarm(what, r_); } while (0)
int main(void) {
    char byte;
    MUST(pipe(ends));
    handle(SIGALRM, on_alarm, 0);
    struct timespec long_ = {5, 0}, rest;
    struct timeval tv = {5, 0};
    struct pollfd one = {ends[0], POLLIN, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    int epoll = epoll_create1(0), sockets[2];
    struct epoll_event event = {EPOLLIN, {0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    TRY("read", read(ends[0], &byte, 1));
    TRY("recv", recv(sockets[0], &byte, 1, 0));
    TRY("nanosleep", nanosleep(&long_, &rest));
    CHECK(rest.tv_sec == 4, "rest %ld", rest.tv_sec);
    TRY("poll", poll(&one, 1, 5000));
    TRY("select", select(ends[0] + 1, &set, NULL, NULL, &tv));
    TRY("epoll_wait", epoll_wait(epoll, &event, 1, 5000));
    TRY("sem_wait", sem_wait(&semaphore));
    TRY("pause", pause());
    pid_t child = MUST(fork());
    if (!child) { sleep(5); _exit(0); }
    TRY("waitpid", waitpid(child, NULL, 0));
    handle(SIGALRM, on_alarm_write, SA_RESTART);
    TRY("read, restarting", read(ends[0], &byte, 1));
    TRY("nanosleep, restarting", nanosleep(&long_, &rest));
    TRY("poll, restarting", poll(&one, 1, 5000));
    CHECK(handled >= 1, "poll");
    one.fd = -1;
    TRY("sem_wait, restarting, ends by a post", (handle(SIGALRM, on_alarm, SA_RESTART), sem_post(&semaphore), sem_wait(&semaphore)));
    kill(child, SIGKILL);
    int status;
    TRY("waitpid, restarting", waitpid(child, &status, 0) == child);
    print_status("child", status);
    // clock_nanosleep to an absolute time is restarted by hand.
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 500000000;
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
    arm();
    int interrupted = 0;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) interrupted++;
    disarm("clock_nanosleep", 0);
    CHECK(interrupted >= 3, "interrupted %d times", interrupted);
    // A stop and a continue restart what has a restart block: the sleep goes on for the rest of its time.
    child = MUST(fork());
    if (!child) {
        struct timespec s = {0, 300000000};
        _exit(nanosleep(&s, NULL) == 0 ? 12 : 13);
    }
    usleep(50000);
    kill(child, SIGSTOP);
    usleep(50000);
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
    print_status("stopped sleep", status);
    return verdict();
}
