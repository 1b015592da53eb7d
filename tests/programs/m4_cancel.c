//! pthread_cancel, asynchronous and deferred, with cleanup handlers and forced unwinding
// flags: -pthread
#include <pthread.h>
#include "common.h"
static volatile int cleaned, ready;
static void clean(void *n) { __sync_fetch_and_add(&cleaned, (int)(long)n); }
static void *deferred(void *unused) {
    pthread_cleanup_push(clean, (void *)1);
    pthread_cleanup_push(clean, (void *)10);
    ready = 1;
    for (;;) sleep(100);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return unused;
}
static void *asynchronous(void *unused) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(clean, (void *)100);
    ready = 1;
    for (volatile uint64_t n = 0;; n++) {}
    pthread_cleanup_pop(0);
    return unused;
}
static void *exits(void *unused) {
    pthread_cleanup_push(clean, (void *)1000);
    ready = 1;
    pthread_exit((void *)5);
    pthread_cleanup_pop(0);
    return unused;
}
int main(void) {
    void *(*const kinds[3])(void *) = {deferred, asynchronous, exits};
    for (int round = 0; round < 20; round++)
        for (int k = 0; k < 3; k++) {
            pthread_t thread;
            void *result;
            ready = 0;
            CHECK(pthread_create(&thread, NULL, kinds[k], NULL) == 0, "create");
            while (!ready) sched_yield();
            if (k < 2) CHECK(pthread_cancel(thread) == 0, "cancel");
            CHECK(pthread_join(thread, &result) == 0, "join");
            CHECK(result == (k < 2 ? PTHREAD_CANCELED : (void *)5), "result");
        }
    printf("cleaned %d\n", cleaned);
    return verdict();
}
