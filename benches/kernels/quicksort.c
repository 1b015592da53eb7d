// Quicksort of random 32-bit integers, by hand; short pieces by insertion.
#include "kernel.h"

__attribute__((noinline)) static void quicksort(int32_t *from, int32_t *to) {
    while (to - from > 16) {
        int32_t pivot = from[(to - from) / 2], *low = from, *high = to - 1;
        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high) {
                int32_t kept = *low;
                *low++ = *high;
                *high-- = kept;
            }
        }
        if (high - from < to - low) {
            quicksort(from, high + 1);
            from = low;
        } else {
            quicksort(low, to);
            to = high + 1;
        }
    }
    for (int32_t *next = from + 1; next < to; next++) {
        int32_t value = *next, *hole = next;
        for (; hole > from && hole[-1] > value; hole--)
            *hole = hole[-1];
        *hole = value;
    }
}

int main(int argc, char **argv) {
    int count = size_of_work(argc, argv);
    int32_t *values = room(count, sizeof *values);
    uint64_t state = 9, hash = HASH_START;
    for (int i = 0; i < count; i++)
        values[i] = next_random(&state) >> 32;
    quicksort(values, values + count);
    for (int i = 0; i < count; i++)
        hash = mix(hash, (uint32_t)values[i]);
    return report(hash);
}
