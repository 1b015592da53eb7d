//! vfork shares memory with the parent, which sleeps until exec or exit; handlers and descriptors are the child's own
#include "common.h"
static volatile int seen;
static void on_usr(int signal, siginfo_t *info, void *context) { seen = 100; }
static void on_other(int signal, siginfo_t *info, void *context) { seen = 200; }
int main(int argc, char **argv) {
    if (argc > 1) {
        printf("exec'ed with %s\n", argv[1]);
        return 7;
    }
    handle(SIGUSR1, on_usr, 0);
    int status;
    for (int n = 0; n < 200; n++) {
        volatile int value = n;
        pid_t child = vfork();
        if (!child) {
            value = n + 1000;
            seen = n;
            if (n % 3 == 0) handle(SIGUSR1, on_other, 0);
            if (n % 5 == 0) close(0);
            _exit(n & 31);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child, "vfork %d", n);
        CHECK(value == n + 1000 && seen == n, "the child's writes are not seen");
        CHECK(WEXITSTATUS(status) == (n & 31), "status");
    }
    raise(SIGUSR1);
    CHECK(seen == 100, "a handler the child installed runs in the parent");
    CHECK(fcntl(0, F_GETFD) >= 0, "the child closed the parent's descriptor");
    fflush(stdout);
    for (int n = 0; n < 20; n++) {
        char text[16];
        sprintf(text, "%d", n);
        pid_t child = vfork();
        if (!child) {
            execl("/proc/self/exe", "again", text, NULL);
            _exit(99);
        }
        waitpid(child, &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %#x", status);
    }
    pid_t child = vfork();
    if (!child) {
        execl("/nowhere/nothing", "x", NULL);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == ENOENT, "a failed exec says %d", WEXITSTATUS(status));
    child = vfork();
    if (!child) kill(getpid(), SIGKILL);
    waitpid(child, &status, 0);
    print_status("killed in vfork", status);
    return verdict();
}
