//! execve in a thread other than the first: the others vanish, the pid stays
// flags: -pthread
#include <pthread.h>
#include "common.h"
static char pid[32];
static void *spin(void *unused) { for (;;) grind(1, 1000); return unused; }
static void *sleeper(void *unused) { for (;;) pause(); return unused; }
static void *executes(void *word) {
    usleep(20000);
    execl("/proc/self/exe", "thread", word, pid, NULL);
    return NULL;
}
int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 5;
    if (argc > 2) {
        CHECK(atoi(argv[2]) == getpid() && syscall(SYS_gettid) == getpid(), "pid %d, tid %ld", getpid(), syscall(SYS_gettid));
        char list[64];
        sprintf(list, "ls /proc/%d/task | wc -l", getpid());
        fflush(stdout);
        CHECK(system(list) == 0, "ls");
    }
    if (!left) return verdict();
    fflush(stdout);
    sprintf(pid, "%d", getpid());
    char text[32];
    sprintf(text, "%d", left - 1);
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    pthread_create(&thread, NULL, sleeper, NULL);
    pthread_create(&thread, NULL, executes, text);
    if (left & 1) spin(NULL);
    else pthread_join(thread, NULL);
    return 99;
}
