//! threads that end while signals arrive, while others start and join, detached and joined, with timers running
// flags: -pthread
#include <pthread.h>
#include <sys/time.h>
#include "common.h"
static volatile long ticks;
static volatile int stop, running;
static void on_tick(int signal, siginfo_t *info, void *context) { ticks++; }
static void *shortly(void *argument) {
    uint64_t h = grind((long)argument, 200);
    return (void *)h;
}
static void *detached(void *argument) {
    grind((long)argument, 100);
    __sync_fetch_and_sub(&running, 1);
    return NULL;
}
static void *pelts(void *target) {
    while (!stop) {
        pthread_t *t = target;
        pthread_kill(t[0], SIGUSR1);
        sched_yield();
    }
    return NULL;
}
int main(void) {
    handle(SIGALRM, on_tick, SA_RESTART);
    handle(SIGUSR1, on_tick, SA_RESTART);
    struct itimerval timer = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &timer, NULL);
    pthread_t self = pthread_self(), pelter;
    pthread_create(&pelter, NULL, pelts, &self);
    for (long n = 0; n < 400; n++) {
        pthread_t threads[4];
        for (long i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, shortly, (void *)(n * 4 + i)) == 0, "create");
        __sync_fetch_and_add(&running, 1);
        pthread_t d;
        CHECK(pthread_create(&d, NULL, detached, (void *)n) == 0 && pthread_detach(d) == 0, "create");
        for (long i = 0; i < 4; i++) {
            void *result;
            pthread_kill(threads[i], SIGUSR1);
            CHECK(pthread_join(threads[i], &result) == 0 && (uint64_t)result == grind(n * 4 + i, 200), "thread %ld", n * 4 + i);
        }
    }
    while (running) sched_yield();
    stop = 1;
    pthread_join(pelter, NULL);
    return verdict();
}
