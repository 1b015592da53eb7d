//! exit while other threads compute, sleep, hold locks, fork, and start threads
// flags: -pthread
#include <pthread.h>
#include "common.h"
static void *spin(void *n) { for (;;) grind((long)n, 1000); return NULL; }
static void *sleeper(void *unused) { for (;;) pause(); return unused; }
static void *spawner(void *unused) {
    for (;;) {
        pthread_t thread;
        if (!pthread_create(&thread, NULL, (void *(*)(void *))getpid, NULL)) pthread_join(thread, NULL);
    }
    return unused;
}
static void *forker(void *unused) {
    for (;;) {
        pid_t child = fork();
        if (!child) _exit(0);
        waitpid(child, NULL, 0);
    }
    return unused;
}
static void *ender(void *how) {
    usleep(30000);
    if ((long)how == 0) exit(11);
    if ((long)how == 1) _exit(12);
    if ((long)how == 2) kill(getpid(), SIGTERM);
    if ((long)how == 3) abort();
    if ((long)how == 4) *(volatile int *)0 = 0;
    return NULL;
}
int main(void) {
    for (long how = 0; how < 6; how++) {
        fflush(stdout);
        pid_t child = MUST(fork());
        if (!child) {
            pthread_t thread;
            for (long n = 0; n < 3; n++) pthread_create(&thread, NULL, spin, (void *)n);
            pthread_create(&thread, NULL, sleeper, NULL);
            pthread_create(&thread, NULL, spawner, NULL);
            pthread_create(&thread, NULL, forker, NULL);
            pthread_create(&thread, NULL, ender, (void *)how);
            if (how == 5) { usleep(30000); return 13; }
            spin(NULL);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child, "waitpid");
        print_status("end", status);
    }
    return verdict();
}
