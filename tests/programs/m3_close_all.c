//! a program that closes every descriptor still runs, forks, execs, opens and is followed
#include <sys/syscall.h>
#include "common.h"
int main(int argc, char **argv) {
    if (argc > 1) {
        int file = open("exec", O_CREAT | O_WRONLY, 0600);
        CHECK(file == 0, "descriptor %d", file);
        dprintf(file, "exec'ed with nothing open, %lx\n", grind(9, 1000));
        return 3;
    }
    for (int n = 0; n < 4096; n++) close(n);
    syscall(SYS_close_range, 0, ~0u, 0);
    int file = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600);
    dprintf(file, "first descriptor %d, %lx\n", file, grind(5, 10000));
    for (int n = 0; n < 5; n++) {
        pid_t child = fork();
        if (!child) {
            dprintf(file, "child %d, %lx\n", n, grind(n, 1000));
            syscall(SYS_close_range, 0, ~0u, 0);
            execl("/proc/self/exe", "again", "exec", NULL);
            _exit(99);
        }
        int status;
        waitpid(child, &status, 0);
        dprintf(file, "status %#x\n", status);
    }
    return 5;
}
