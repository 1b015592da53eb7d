//! another thread changes code that this one runs, with the handshake the manuals ask for, and without one by a whole word
// flags: -pthread
#include <pthread.h>
#include "jit.h"
static uint8_t *page;
static volatile int turn, done;
static void *writer(void *unused) {
    for (uint32_t n = 1; n <= 1000; n++) {
        while (turn != 0) sched_yield();
        jit_constant(page, n);
        __sync_synchronize();
        turn = 1;
    }
    while (turn != 0) sched_yield();
    done = 1;
    return unused;
}
// mov eax, imm32 with its immediate aligned to four bytes: one store changes it.
static void *ticker(void *unused) {
    for (uint32_t n = 1; n <= 200000; n++) *(volatile uint32_t *)(page + 64) = n;
    return unused;
}
int main(void) {
    page = jit_pages(1, RWX);
    pthread_t thread;
    pthread_create(&thread, NULL, writer, NULL);
    uint32_t expected = 0;
    while (!done) {
        if (turn != 1) { sched_yield(); continue; }
        __asm__ volatile("xor %%eax, %%eax\n cpuid" ::: "eax", "ebx", "ecx", "edx", "memory");
        CHECK(((code_fn)page)(0) == ++expected, "turn %u", expected);
        turn = 0;
    }
    CHECK(expected == 1000, "%u turns", expected);
    pthread_join(thread, NULL);
    page[63] = 0xb8;
    *(uint32_t *)(page + 64) = 0;
    page[68] = 0xc3;
    pthread_create(&thread, NULL, ticker, NULL);
    uint32_t last = 0, value;
    do {
        value = ((code_fn)(page + 63))(0);
        CHECK(value >= last && value <= 200000, "went back from %u to %u", last, value);
        last = value;
    } while (value != 200000);
    pthread_join(thread, NULL);
    return verdict();
}
