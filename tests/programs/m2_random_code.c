//! random programs of random instructions, with flags and registers live across every kind of branch, give native's results: alone, under timers, in threads
// args: 1 120
// args: 1000 60 timer
// args: 2000 40 threads
// args: 3000 40 threads timer
// flags: -O1 -pthread
#include <pthread.h>
#include <sys/time.h>
#include "random_code.h"

static long first_seed, programs;
static int timers;
static volatile long ticks;
static void on_tick(int signal, siginfo_t *info, void *context) {
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm5\n movdqa %%xmm0, %%xmm7" ::: "xmm0", "xmm5", "xmm7");
    ticks++;
}
static uint64_t all(long from) {
    uint64_t hash = 0;
    for (long n = 0; n < programs; n++) {
        struct program *p = malloc(sizeof *p);
        make(p, from + n);
        for (int round = 0; round < 2; round++) {
            uint64_t here = 0;
            for (int i = 0; i < 60; i++) here = mix(here, run(p, i * 31 + 7));
            static __thread uint64_t before;
            if (!round) before = here;
            CHECK(here == before, "program %ld gives %#lx, then %#lx", from + n, before, here);
            hash = mix(hash, here);
        }
        munmap(p->code, 0x12000);
        free(p);
    }
    return hash;
}
static void *thread(void *n) { return (void *)all(first_seed + (long)n * 500); }
int main(int argc, char **argv) {
    first_seed = argc > 1 ? atol(argv[1]) : 1;
    programs = argc > 2 ? atol(argv[2]) : 50;
    int threads = 0;
    for (int n = 3; n < argc; n++) *(strcmp(argv[n], "timer") ? &threads : &timers) = 1;
    if (timers) {
        handle(SIGALRM, on_tick, SA_RESTART);
        struct itimerval timer = {{0, 150}, {0, 150}};
        MUST(setitimer(ITIMER_REAL, &timer, NULL));
    }
    if (threads) {
        pthread_t ids[3];
        for (long n = 0; n < 3; n++) pthread_create(&ids[n], NULL, thread, (void *)n);
        for (int n = 0; n < 3; n++) {
            void *result;
            pthread_join(ids[n], &result);
            printf("%016lx\n", (uint64_t)result);
        }
    } else {
        printf("%016lx\n", all(first_seed));
    }
    return verdict();
}
