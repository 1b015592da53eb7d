//! a process whose first thread starts five others, and that forks
// flags: -pthread
#include <pthread.h>
#include "common.h"
static pthread_barrier_t together;
static void *one(void *argument) {
    pthread_barrier_wait(&together);
    return argument;
}
int main(void) {
    pthread_t threads[5];
    pthread_barrier_init(&together, NULL, 6);
    for (int n = 0; n < 5; n++) pthread_create(&threads[n], NULL, one, NULL);
    pthread_barrier_wait(&together);
    for (int n = 0; n < 5; n++) pthread_join(threads[n], NULL);
    pid_t child = MUST(fork());
    if (!child) _exit(0);
    waitpid(child, NULL, 0);
    return 0;
}
