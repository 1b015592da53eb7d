//! several threads call exec at once: one wins, the new program runs alone; an exec that fails disturbs no other
// flags: -pthread
#include <pthread.h>
#include "common.h"
static char left[16];
static pthread_barrier_t barrier;
static void *executes(void *n) {
    pthread_barrier_wait(&barrier);
    if ((long)n % 2) execl("/nowhere", "x", NULL);
    execl("/proc/self/exe", "race", left, NULL);
    return NULL;
}
int main(int argc, char **argv) {
    int turns = argc > 1 ? atoi(argv[1]) : 15;
    if (!turns) {
        printf("the end\n");
        return 0;
    }
    sprintf(left, "%d", turns - 1);
    pthread_barrier_init(&barrier, NULL, 5);
    pthread_t thread;
    for (long n = 0; n < 4; n++) pthread_create(&thread, NULL, executes, (void *)n);
    executes((void *)4);
    for (;;) pause();
}
