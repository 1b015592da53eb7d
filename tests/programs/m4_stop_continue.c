//! stopping and continuing a busy process with threads, over and over; its handler for SIGCONT runs
// flags: -pthread
#include <pthread.h>
#include "common.h"
static volatile int continued;
static void on_cont(int signal, siginfo_t *info, void *context) { continued++; }
static void *spin(void *unused) { for (;;) grind(2, 1000); return unused; }
int main(void) {
    int status;
    pid_t child = MUST(fork());
    if (!child) {
        handle(SIGCONT, on_cont, 0);
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
        uint64_t h = 0;
        while (continued < 20) h = grind(h, 1000);
        _exit(21);
    }
    usleep(30000);
    for (int n = 0; n < 20; n++) {
        kill(child, n & 1 ? SIGSTOP : SIGTSTP);
        CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status), "stop %d: %#x", n, status);
        kill(child, SIGCONT);
        CHECK(waitpid(child, &status, WCONTINUED) == child, "continue %d", n);
        if (n < 19) CHECK(WIFCONTINUED(status), "continue %d: %#x", n, status);
        // The handler must have run before the next stop for the count to be exact.
        usleep(3000);
    }
    if (!WIFEXITED(status)) waitpid(child, &status, 0);
    print_status("end", status);
    return verdict();
}
