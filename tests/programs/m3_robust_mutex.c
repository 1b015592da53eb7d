//! shared futexes: a robust mutex whose owner is killed, a barrier and a semaphore between processes, a priority-inheritance mutex
// flags: -pthread
#include <pthread.h>
#include <semaphore.h>
#include "common.h"
struct shared {
    pthread_mutex_t robust, inherits;
    pthread_barrier_t barrier;
    sem_t semaphore;
    volatile int counter;
};
int main(void) {
    struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&s->inherits, &attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_NONE);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->robust, &attributes);
    pthread_barrierattr_t barrier;
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&s->barrier, &barrier, 3);
    sem_init(&s->semaphore, 1, 0);
    for (int round = 0; round < 20; round++) {
        pid_t killed = fork();
        if (!killed) {
            pthread_mutex_lock(&s->robust);
            sem_post(&s->semaphore);
            for (;;) pause();
        }
        sem_wait(&s->semaphore);
        kill(killed, SIGKILL);
        int result = pthread_mutex_lock(&s->robust);
        CHECK(result == EOWNERDEAD, "lock gives %s", strerror(result));
        CHECK(pthread_mutex_consistent(&s->robust) == 0 && pthread_mutex_unlock(&s->robust) == 0, "recovery");
        waitpid(killed, NULL, 0);
        pid_t children[2];
        for (int n = 0; n < 2; n++) {
            children[n] = fork();
            if (!children[n]) {
                pthread_barrier_wait(&s->barrier);
                for (int i = 0; i < 300; i++) {
                    pthread_mutex_lock(&s->inherits);
                    s->counter++;
                    pthread_mutex_unlock(&s->inherits);
                }
                _exit(0);
            }
        }
        pthread_barrier_wait(&s->barrier);
        for (int n = 0; n < 2; n++) waitpid(children[n], NULL, 0);
    }
    CHECK(s->counter == 20 * 600, "%d", s->counter);
    return verdict();
}
