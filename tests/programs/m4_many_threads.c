//! 64 threads that come and go, sharing locks, condition variables, thread-local data and keys
// flags: -pthread
#include <pthread.h>
#include "common.h"
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static int next, destroyed;
static uint64_t chain = 1;
static __thread uint64_t local = 7;
static void destroy(void *value) { __sync_fetch_and_add(&destroyed, 1); }
static void *work(void *argument) {
    long n = (long)argument;
    CHECK(local == 7, "thread-local data is not fresh");
    pthread_setspecific(key, &local);
    for (int i = 0; i < 20; i++) local = grind(local + n, 50);
    pthread_mutex_lock(&lock);
    while (next != n) pthread_cond_wait(&turn, &lock);
    chain = mix(chain, local);
    next++;
    pthread_cond_broadcast(&turn);
    pthread_mutex_unlock(&lock);
    return (void *)local;
}
int main(void) {
    pthread_key_create(&key, destroy);
    for (int round = 0; round < 8; round++) {
        pthread_t threads[64];
        next = 0;
        for (long n = 63; n >= 0; n--) CHECK(pthread_create(&threads[n], NULL, work, (void *)n) == 0, "create");
        for (int n = 0; n < 64; n++) pthread_join(threads[n], NULL);
    }
    printf("%016lx, %d destroyed\n", chain, destroyed);
    return verdict();
}
