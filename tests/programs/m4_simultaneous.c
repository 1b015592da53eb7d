//! two signals at the same moment are both delivered, thousands of times
#include <sys/time.h>
#include "common.h"
static volatile int usr, alrm;
static void on_usr(int signal, siginfo_t *info, void *context) { usr++; }
static void on_alrm(int signal, siginfo_t *info, void *context) { alrm++; }
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
int main(void) {
    uint64_t seed = 5;
    handle(SIGUSR1, on_usr, SA_RESTART);
    handle(SIGALRM, on_alrm, 0);
    for (int n = 1; n <= 6000; n++) {
        struct itimerval timer = {{0, 0}, {0, 1 + next_random(&seed) % 30}};
        MUST(setitimer(ITIMER_REAL, &timer, NULL));
        if (n % 3 == 0) grind(n, next_random(&seed) % 2000);
        MUST(kill(getpid(), SIGUSR1));
        double limit = now() + 5;
        while (usr < n || alrm < n) {
            if (n % 2) usleep(10);
            if (now() > limit) {
                FAIL("at %d: %d of SIGUSR1, %d of SIGALRM", n, usr, alrm);
                return verdict();
            }
        }
    }
    CHECK(usr == 6000 && alrm == 6000, "%d, %d", usr, alrm);
    return verdict();
}
