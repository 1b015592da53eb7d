//! threads that spawn, fork, vfork and exec at once, with full pipes between them and all statuses right
// flags: -pthread
#include <pthread.h>
#include <spawn.h>
#include "common.h"
extern char **environ;
static void *spawns(void *argument) {
    long id = (long)argument;
    for (int n = 0; n < 25; n++) {
        int ends[2], status = -1;
        char text[32], seen[32] = "";
        sprintf(text, "%ld", id * 100 + n);
        MUST(pipe2(ends, O_CLOEXEC));
        pid_t child = 0;
        if (n % 3 == 0) {
            posix_spawn_file_actions_t actions;
            posix_spawn_file_actions_init(&actions);
            posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
            CHECK(posix_spawn(&child, "/proc/self/exe", &actions, NULL, (char *[]){"child", text, NULL}, environ) == 0, "posix_spawn");
            posix_spawn_file_actions_destroy(&actions);
        } else {
            child = n % 3 == 1 ? fork() : vfork();
            if (!child) {
                dup2(ends[1], 1);
                execl("/proc/self/exe", "child", text, NULL);
                _exit(98);
            }
        }
        close(ends[1]);
        ssize_t bytes = read(ends[0], seen, sizeof seen - 1);
        close(ends[0]);
        CHECK(child > 0 && waitpid(child, &status, 0) == child, "child");
        CHECK(bytes > 0 && !strcmp(seen, text), "said %s, not %s", seen, text);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == ((id * 100 + n) & 63), "status %#x", status);
    }
    return NULL;
}
int main(int argc, char **argv) {
    if (argc > 1) {
        MUST(write(1, argv[1], strlen(argv[1])));
        return atoi(argv[1]) & 63;
    }
    pthread_t threads[5];
    for (long n = 0; n < 5; n++) pthread_create(&threads[n], NULL, spawns, (void *)n);
    for (int n = 0; n < 5; n++) pthread_join(threads[n], NULL);
    return verdict();
}
