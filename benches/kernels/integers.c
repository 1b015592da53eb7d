// Integer mix: a sieve, Collatz sequences, greatest common divisors, CRC-32 by table, and bits.
#include "kernel.h"

__attribute__((noinline)) static uint64_t sieve(uint32_t limit) {
    uint8_t *composite = room(limit, 1);
    uint64_t hash = HASH_START;
    for (uint32_t i = 2; i < limit; i++) {
        if (composite[i])
            continue;
        hash = mix(hash, i);
        for (uint64_t j = (uint64_t)i * i; j < limit; j += i)
            composite[j] = 1;
    }
    free(composite);
    return hash;
}

__attribute__((noinline)) static uint64_t collatz(uint32_t limit) {
    uint64_t hash = HASH_START;
    for (uint32_t start = 1; start < limit; start++) {
        uint64_t n = start, steps = 0;
        for (; n != 1; steps++)
            n = n & 1 ? 3 * n + 1 : n / 2;
        hash = mix(hash, steps);
    }
    return hash;
}

__attribute__((noinline)) static uint64_t divisors(uint32_t limit) {
    uint64_t hash = HASH_START, state = 1;
    for (uint32_t i = 0; i < limit; i++) {
        uint32_t a = next_random(&state) >> 33, b = (next_random(&state) >> 40) + 1;
        while (b) {
            uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        hash = mix(hash, a);
    }
    return hash;
}

__attribute__((noinline)) static uint32_t crc(const uint8_t *bytes, uint32_t count) {
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? 0xedb88320u ^ value >> 1 : value >> 1;
        table[i] = value;
    }
    uint32_t sum = ~0u;
    for (uint32_t i = 0; i < count; i++)
        sum = table[(sum ^ bytes[i]) & 0xff] ^ sum >> 8;
    return ~sum;
}

__attribute__((noinline)) static uint64_t bits(uint32_t limit) {
    uint64_t hash = HASH_START, state = 7;
    for (uint32_t i = 0; i < limit; i++) {
        uint64_t word = next_random(&state);
        int turn = i & 63;
        hash += __builtin_popcountll(word) * __builtin_clzll(word | 1);
        hash = (hash << turn | hash >> (-turn & 63)) ^ __builtin_ctzll(word | 1ull << 63);
    }
    return hash;
}

int main(int argc, char **argv) {
    uint32_t size = size_of_work(argc, argv);
    uint64_t hash = mix(sieve(size * 4), collatz(size / 8));
    hash = mix(mix(hash, divisors(size / 4)), bits(size * 8));
    uint8_t *bytes = room(size, 1);
    uint64_t state = 3;
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = next_random(&state) >> 56;
    for (int turn = 0; turn < 16; turn++)
        hash = mix(hash, crc(bytes, size - turn));
    free(bytes);
    return report(hash);
}
