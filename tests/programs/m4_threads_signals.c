//! signals sent to particular threads are handled there, on their own stacks, at any rate, and the work is right
// flags: -pthread
#include <pthread.h>
#include "common.h"
enum { THREADS = 6, SIGNALS = 300 };
static __thread volatile int mine;
static __thread pid_t tid;
static volatile int total, wrong;
static volatile int stop;
static void on_signal(int signal, siginfo_t *info, void *context) {
    mine++;
    if (syscall(SYS_gettid) != tid) wrong++;
    __sync_fetch_and_add(&total, 1);
}
static uint64_t results[THREADS];
static volatile pid_t tids[THREADS];
static volatile int received[THREADS];
static void *work(void *argument) {
    long n = (long)argument;
    tid = syscall(SYS_gettid);
    tids[n] = tid;
    uint64_t h = n;
    for (int i = 0; i < 3000; i++) h = grind(h, 300);
    results[n] = h;
    while (mine < SIGNALS) sched_yield();
    received[n] = mine;
    return NULL;
}
int main(void) {
    handle(36, on_signal, SA_RESTART);
    pthread_t threads[THREADS];
    for (long n = 0; n < THREADS; n++) pthread_create(&threads[n], NULL, work, (void *)n);
    for (int n = 0; n < THREADS; n++) while (!tids[n]) sched_yield();
    for (int i = 0; i < SIGNALS; i++)
        for (int n = 0; n < THREADS; n++)
            while (syscall(SYS_tgkill, getpid(), tids[n], 36)) sched_yield();
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    for (int n = 0; n < THREADS; n++) {
        uint64_t h = n;
        for (int i = 0; i < 3000; i++) h = grind(h, 300);
        CHECK(h == results[n], "thread %d computed something else", n);
        CHECK(received[n] == SIGNALS, "thread %d got %d signals", n, received[n]);
    }
    CHECK(!wrong && total == THREADS * SIGNALS, "%d wrong, %d in all", wrong, total);
    return verdict();
}
