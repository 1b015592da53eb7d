// What the kernels have in common: a size from the command line, numbers that are the same everywhere, and a
// checksum of all that was computed. No kernel uses mathematical functions, whose last bits differ between
// libraries.
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline int size_of_work(int argc, char **argv) {
    if (argc != 2 || atoi(argv[1]) < 1) {
        fprintf(stderr, "usage: %s SIZE\n", argv[0]);
        exit(2);
    }
    return atoi(argv[1]);
}

// Room for `count` elements of `bytes` bytes, or the end.
static inline void *room(size_t count, size_t bytes) {
    void *memory = calloc(count, bytes);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

// xorshift64*, from any start but zero.
static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

// FNV-1a, eight bytes a step.
static inline uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x100000001b3ull; }

static inline uint64_t mix_double(uint64_t hash, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(hash, bits ^ bits >> 29);
}

static inline int report(uint64_t hash) {
    printf("%016llx\n", (unsigned long long)hash);
    return 0;
}

#define HASH_START 0xcbf29ce484222325ull

#endif
