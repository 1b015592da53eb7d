//! a daemon: double fork, session, closed descriptors, the starter ends first and the daemon's work is done
#include <sys/stat.h>
#include "common.h"
int main(void) {
    char directory[4096];
    int ready[2];
    char byte;
    MUST((long)getcwd(directory, sizeof directory));
    MUST(pipe(ready));
    printf("starting\n");
    fflush(stdout);
    if (MUST(fork())) {
        close(ready[1]);
        // The end of the pipe says that the daemon is on its own.
        CHECK(read(ready[0], &byte, 1) == 0, "pipe");
        wait(NULL);
        printf("started\n");
        return verdict();
    }
    setsid();
    if (MUST(fork())) _exit(0);
    umask(027);
    CHECK(getsid(0) != getpid(), "session");
    for (int n = 0; n < 1024; n++) if (n != ready[1]) close(n);
    int file = open("daemon.log", O_CREAT | O_WRONLY, 0640);
    close(ready[1]);
    usleep(100000);
    dprintf(file, "orphan %d, %lx\n", getppid() != getpid(), grind(1, 100000));
    system("echo from the daemon\\'s shell > daemon.shell");
    dprintf(file, "done\n");
    return 0;
}
