//! stopping and continuing a busy process with threads, over and over; its handler for SIGCONT runs
// flags: -pthread
#include <pthread.h>
#include "common.h"
static volatile int continued, done;
static void on_cont(int signal, siginfo_t *info, void *context) { continued++; }
static void on_usr(int signal, siginfo_t *info, void *context) { done = 1; }
static void *spin(void *unused) { for (;;) grind(2, 1000); return unused; }
int main(void) {
    int status;
    pid_t child = MUST(fork());
    if (!child) {
        handle(SIGCONT, on_cont, 0);
        handle(SIGUSR1, on_usr, 0);
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
        uint64_t h = 0;
        while (!done) h = grind(h, 1000);
        _exit(continued ? 21 : 22);
    }
    usleep(30000);
    for (int n = 0; n < 20; n++) {
        kill(child, n & 1 ? SIGSTOP : SIGTSTP);
        CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status), "stop %d: %#x", n, status);
        kill(child, SIGCONT);
        CHECK(waitpid(child, &status, WCONTINUED) == child, "continue %d", n);
        CHECK(WIFCONTINUED(status), "continue %d: %#x", n, status);
    }
    kill(child, SIGUSR1);
    waitpid(child, &status, 0);
    print_status("end", status);
    return verdict();
}
