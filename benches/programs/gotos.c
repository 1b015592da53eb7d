/* A threaded interpreter: every instruction ends in its own computed goto. `gotos 1` keeps one target for ever
   (each jump is the easiest there is), `gotos 200` spreads over two hundred. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TEN(m, d) m(d##0) m(d##1) m(d##2) m(d##3) m(d##4) m(d##5) m(d##6) m(d##7) m(d##8) m(d##9)
#define HUNDRED(m, d) TEN(m, d##0) TEN(m, d##1) TEN(m, d##2) TEN(m, d##3) TEN(m, d##4) \
                      TEN(m, d##5) TEN(m, d##6) TEN(m, d##7) TEN(m, d##8) TEN(m, d##9)
#define TWO_HUNDRED(m) HUNDRED(m, 1) HUNDRED(m, 2)

#define LABEL(n) &&op_##n,
#define BODY(n) op_##n: value = value * 33 + n; NEXT;
#define NEXT do { if (left-- == 0) return value; goto *table[program[left & 4095]]; } while (0)

static __attribute__((noinline)) uint64_t run(const uint8_t *program, uint64_t left) {
    static const void *const table[] = {TWO_HUNDRED(LABEL)};
    uint64_t value = 1;
    NEXT;
    TWO_HUNDRED(BODY)
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    unsigned targets = (unsigned)atoi(argv[1]);
    uint64_t steps = strtoull(argv[2], 0, 10);
    static uint8_t program[4096];
    uint32_t state = 12345;
    for (unsigned i = 0; i < sizeof program; ++i) {
        state = state * 1664525 + 1013904223;
        program[i] = (uint8_t)((state >> 16) % targets);
    }
    printf("%llu\n", (unsigned long long)run(program, steps));
}
