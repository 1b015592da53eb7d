//! signals while ever new code is met: every function is called for the first time under a ten kilohertz timer
#include <sys/time.h>
#include "common.h"
static volatile long ticks;
static void on_tick(int signal, siginfo_t *info, void *context) { ticks++; }
#define A(n) static __attribute__((noinline)) uint64_t f##n(uint64_t h) { for (int i = 0; i < n % 5 + 2; i++) h = h * (2 * n + 3) ^ (h >> (n % 31 + 1)); return h & 1 ? h + n : h ^ n; }
#define B(n) A(n##0) A(n##1) A(n##2) A(n##3) A(n##4) A(n##5) A(n##6) A(n##7) A(n##8) A(n##9)
#define C(n) B(n##0) B(n##1) B(n##2) B(n##3) B(n##4) B(n##5) B(n##6) B(n##7) B(n##8) B(n##9)
C(1) C(2) C(3) C(4) C(5) C(6)
#define N(n) f##n,
#define NB(n) N(n##0) N(n##1) N(n##2) N(n##3) N(n##4) N(n##5) N(n##6) N(n##7) N(n##8) N(n##9)
#define NC(n) NB(n##0) NB(n##1) NB(n##2) NB(n##3) NB(n##4) NB(n##5) NB(n##6) NB(n##7) NB(n##8) NB(n##9)
static uint64_t (*const functions[600])(uint64_t) = {NC(1) NC(2) NC(3) NC(4) NC(5) NC(6)};
int main(void) {
    handle(SIGALRM, on_tick, 0);
    struct itimerval timer = {{0, 50}, {0, 50}};
    setitimer(ITIMER_REAL, &timer, NULL);
    // Children have caches of their own; each meets everything anew.
    for (int n = 0; n < 20; n++) {
        fflush(stdout);
        pid_t child = MUST(fork());
        if (!child) {
            setitimer(ITIMER_REAL, &timer, NULL);
            uint64_t h = n;
            for (int i = 0; i < 600; i++) h = functions[i](h);
            printf("%d: %016lx\n", n, h);
            exit(0);
        }
        int status;
        while (waitpid(child, &status, 0) == -1) {}
        print_status("child", status);
    }
    return verdict();
}
