/* Deep and wide recursion: Fibonacci, Ackermann, and a chain of calls a hundred thousand frames deep. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP __attribute__((noinline, noclone, optimize("no-optimize-sibling-calls")))

static KEEP uint64_t fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static KEEP uint64_t ackermann(uint64_t m, uint64_t n) {
    if (m == 0) return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static KEEP uint64_t down(uint64_t depth) { return depth == 0 ? 0 : 1 + down(depth - 1) * 3 / 2 % 1009; }

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    uint64_t sum = 0;
    for (int i = 0; i < rounds; ++i) {
        sum += fib(34) + ackermann(2, 1500) + ackermann(3, 8);
        for (int j = 0; j < 50; ++j) sum += down(100000);
    }
    printf("%llu\n", (unsigned long long)sum);
}
