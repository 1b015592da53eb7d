//! signals that faults raise interrupt no call when they are ignored and somebody sends them
#include <poll.h>
#include "common.h"
static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
// With an argument: which end does a call have that is never restarted?
static int in_poll(void) {
    pid_t parent = getpid(), child = MUST(fork());
    if (!child) {
        usleep(100 * 1000);
        kill(parent, SIGSEGV);
        _exit(0);
    }
    int ready = poll(NULL, 0, 2000);
    puts(ready == 0 ? "ran out" : strerror(errno));
    return 0;
}
int main(int argc, char **argv) {
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction ignored = {.sa_handler = SIG_IGN};
        MUST(sigaction(signals[i], &ignored, NULL));
    }
    if (argc > 1) return in_poll();
    int ends[2];
    MUST(pipe(ends));
    for (int round = 0; round < 5; round++) {
        pid_t parent = getpid(), child = MUST(fork());
        if (!child) {
            for (int n = 0; n < 20; n++) {
                usleep(1000);
                kill(parent, signals[(round + n) % 5]);
            }
            MUST(write(ends[1], "x", 1));
            _exit(0);
        }
        char byte = 0;
        CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x', "read: %s", strerror(errno));
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0, "wait: %s", strerror(errno));
    }
    return verdict();
}
