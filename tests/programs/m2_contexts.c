//! makecontext and swapcontext switch between a hundred stacks
#include "common.h"
enum { COUNT = 100, TURNS = 50 };
static ucontext_t home, contexts[COUNT];
static char stacks[COUNT][16384];
static uint64_t hash;
static void body(int number, int factor) {
    for (int turn = 0; turn < TURNS; turn++) {
        hash = mix(hash, number * factor + turn);
        swapcontext(&contexts[number], &contexts[(number + 1) % COUNT]);
    }
}
int main(void) {
    for (int n = 0; n < COUNT; n++) {
        getcontext(&contexts[n]);
        contexts[n].uc_stack.ss_sp = stacks[n];
        contexts[n].uc_stack.ss_size = sizeof stacks[n];
        contexts[n].uc_link = &home;
        makecontext(&contexts[n], (void (*)(void))body, 2, n, n * 3 + 1);
    }
    swapcontext(&home, &contexts[0]);
    printf("%016lx\n", hash);
    return verdict();
}
