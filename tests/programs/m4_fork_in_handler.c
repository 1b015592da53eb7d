//! fork, exec and thread creation inside handlers, and handlers that interrupt them
// flags: -pthread
#include <pthread.h>
#include <sys/time.h>
#include "common.h"
static volatile int forked;
static void on_usr(int signal, siginfo_t *info, void *context) {
    pid_t child = fork();
    if (!child) _exit(grind(3, 100) & 31);
    int status;
    while (waitpid(child, &status, 0) == -1 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == (grind(3, 100) & 31)) forked++;
}
static void on_tick(int signal, siginfo_t *info, void *context) {}
static void *nothing(void *argument) { return argument; }
int main(void) {
    int status;
    handle(SIGUSR1, on_usr, SA_RESTART);
    for (int n = 0; n < 30; n++) raise(SIGUSR1);
    CHECK(forked == 30, "%d forks", forked);
    handle(SIGALRM, on_tick, SA_RESTART);
    struct itimerval timer = {{0, 700}, {0, 700}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int n = 0; n < 150; n++) {
        pid_t child = fork();
        if (!child) _exit(n & 31);
        CHECK(child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == (n & 31), "fork %d", n);
        pthread_t thread;
        void *result;
        CHECK(pthread_create(&thread, NULL, nothing, (void *)5) == 0 && pthread_join(thread, &result) == 0 && result == (void *)5, "thread %d", n);
        child = vfork();
        if (!child) _exit(n & 15);
        CHECK(child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == (n & 15), "vfork %d", n);
    }
    for (int n = 0; n < 10; n++) CHECK(system("exit 5") == 5 << 8, "system");
    return verdict();
}
