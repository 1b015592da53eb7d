//! forks from several threads at once; each child has one thread and computes rightly
// flags: -pthread
#include <pthread.h>
#include "common.h"
static void *forks(void *argument) {
    long id = (long)argument;
    for (int n = 0; n < 25; n++) {
        pid_t child = fork();
        if (!child) {
            uint64_t h = grind(id * 100 + n, 2000);
            _exit(h & 63);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork or wait: %s", strerror(errno));
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (grind(id * 100 + n, 2000) & 63), "status %#x", status);
    }
    return NULL;
}
int main(void) {
    pthread_t threads[6];
    for (long n = 0; n < 6; n++) pthread_create(&threads[n], NULL, forks, (void *)n);
    for (int n = 0; n < 6; n++) pthread_join(threads[n], NULL);
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) {
        printf("tasks %d\n", system("ls /proc/self/task | wc -l") == 0);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, forks, (void *)7L) == 0, "a thread in the child");
        pthread_join(thread, NULL);
        exit(verdict());
    }
    int status;
    waitpid(child, &status, 0);
    print_status("child", status);
    return verdict();
}
