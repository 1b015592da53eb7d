//! a chain of thirty execs keeps pid, descriptors, directory, environment and arguments
#include "common.h"
int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 30;
    char text[32], pid[32];
    if (argc > 2) CHECK(atoi(argv[2]) == getpid(), "the pid changed");
    if (argc <= 1) {
        MUST(dup2(open("log", O_CREAT | O_RDWR | O_APPEND, 0600), 50));
        MUST(fcntl(open("/dev/null", O_RDONLY | O_CLOEXEC), F_DUPFD_CLOEXEC, 60));
        setenv("CHAIN", "start", 1);
    } else {
        CHECK(fcntl(60, F_GETFD) == -1, "close-on-exec");
    }
    CHECK(getenv("CHAIN") != NULL, "environment");
    dprintf(50, "%d %s\n", left, getenv("CHAIN"));
    if (!left) {
        printf("the end\n");
        return verdict();
    }
    sprintf(text, "%d", left - 1);
    sprintf(pid, "%d", getpid());
    setenv("CHAIN", text, 1);
    fflush(stdout);
    if (left % 3 == 0) execl("/proc/self/exe", "chain", text, pid, NULL);
    if (left % 3 == 1) {
        int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        extern char **environ;
        fexecve(self, (char *[]){"chain", text, pid, NULL}, environ);
    }
    if (left % 5 == 0) {
        char command[8192], path[4096];
        ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - 1);
        path[bytes > 0 ? bytes : 0] = 0;
        snprintf(command, sizeof command, "exec '%s' %s %s", path, text, pid);
        execl("/bin/sh", "sh", "-c", command, NULL);
    }
    execl("/proc/self/exe", "chain", text, pid, NULL);
    FAIL("exec: %s", strerror(errno));
    return verdict();
}
