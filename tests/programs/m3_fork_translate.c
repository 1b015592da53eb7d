//! parent and children run different new code after a fork, link it and miss in tables, all at once
// flags: -O1
#include "common.h"
// Each function is of its own shape so that each process translates code the others never see.
#define A(n) static __attribute__((noinline)) uint64_t f##n(uint64_t h) { for (int i = 0; i < n % 7 + 3; i++) h = h * (2 * n + 3) ^ (h >> (n % 31 + 1)); return h & 1 ? h + n : h ^ n; }
#define B(n) A(n##0) A(n##1) A(n##2) A(n##3) A(n##4) A(n##5) A(n##6) A(n##7) A(n##8) A(n##9)
#define C(n) B(n##0) B(n##1) B(n##2) B(n##3) B(n##4) B(n##5) B(n##6) B(n##7) B(n##8) B(n##9)
C(1) C(2) C(3)
#define N(n) f##n,
#define NB(n) N(n##0) N(n##1) N(n##2) N(n##3) N(n##4) N(n##5) N(n##6) N(n##7) N(n##8) N(n##9)
#define NC(n) NB(n##0) NB(n##1) NB(n##2) NB(n##3) NB(n##4) NB(n##5) NB(n##6) NB(n##7) NB(n##8) NB(n##9)
static uint64_t (*const functions[300])(uint64_t) = {NC(1) NC(2) NC(3)};
static uint64_t walk(uint64_t seed, int from, int count, int rounds) {
    uint64_t h = seed;
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < count; i++) h = functions[(from + (h % 11 ? i : i * 7)) % 300](h);
    return h;
}
int main(void) {
    uint64_t expected[24];
    int pipes[24][2];
    printf("%016lx\n", walk(1, 0, 40, 20));
    for (int n = 0; n < 24; n++) {
        MUST(pipe(pipes[n]));
        pid_t child = MUST(fork());
        if (!child) {
            uint64_t h = walk(n + 5, n * 12, 60, 200);
            MUST(write(pipes[n][1], &h, sizeof h));
            _exit(0);
        }
        // The parent goes on with other functions while the child runs.
        printf("%016lx\n", walk(n, 300 - n * 9, 30, 100));
    }
    for (int n = 0; n < 24; n++) {
        MUST(read(pipes[n][0], &expected[n], 8));
        CHECK(expected[n] == walk(n + 5, n * 12, 60, 200), "child %d computed something else", n);
    }
    while (wait(NULL) > 0) {}
    return verdict();
}
