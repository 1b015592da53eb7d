//! longjmp leaves any number of frames, over and over, also from callbacks of the C library
// flags: -Wno-infinite-recursion
#include <setjmp.h>
#include "common.h"
static jmp_buf top;
static __attribute__((noinline)) int down(int depth, int end) {
    if (depth == end) longjmp(top, depth + 1);
    return down(depth + 1, end) + 1;
}
static int compare(const void *a, const void *b) {
    static int calls;
    if (++calls % 100 == 0) longjmp(top, 5);
    return *(const int *)a - *(const int *)b;
}
int main(void) {
    volatile uint64_t hash = 0;
    for (volatile int n = 0; n < 2000; n++) {
        int value = setjmp(top);
        if (!value) down(0, n % 60);
        hash = mix(hash, value);
    }
    int numbers[200];
    for (volatile int n = 0; n < 50; n++) {
        for (int i = 0; i < 200; i++) numbers[i] = i * 7919 % 211;
        int value = setjmp(top);
        if (!value) qsort(numbers, 200, sizeof *numbers, compare);
        hash = mix(hash, value);
    }
    printf("%016lx\n", hash);
    return verdict();
}
