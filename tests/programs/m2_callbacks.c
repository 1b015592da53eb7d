//! callbacks from the C library, varargs, printf of floats, constructors, atexit, thread-local storage
// flags: -O2
#include <math.h>
#include <search.h>
#include <stdarg.h>
#include "common.h"
static __thread int local = 5;
static uint64_t hash = 1;
__attribute__((constructor)) static void before(void) { hash = mix(hash, local++); }
static void after_first(void) { printf("first registered, last run\n"); }
static void after_second(void) { printf("second registered\n"); }
static int compare(const void *a, const void *b) { return (*(int *)a > *(int *)b) - (*(int *)a < *(int *)b); }
static double sum(int count, ...) {
    va_list list;
    double total = 0;
    va_start(list, count);
    for (int i = 0; i < count; i++) total += i & 1 ? va_arg(list, double) : va_arg(list, int);
    va_end(list);
    return total;
}
int main(void) {
    atexit(after_first);
    atexit(after_second);
    int numbers[5000];
    uint64_t seed = 5;
    for (int i = 0; i < 5000; i++) numbers[i] = next_random(&seed) % 100000;
    qsort(numbers, 5000, sizeof *numbers, compare);
    hash = mix_bytes(hash, numbers, sizeof numbers);
    int key = numbers[2500];
    CHECK(bsearch(&key, numbers, 5000, sizeof *numbers, compare), "bsearch");
    printf("%016lx %.17g %g %a %e\n", hash, sum(12, 1, 2.5, 3, 4.25, 5, 6.125, 7, 8.0625, 9, 1e10, 11, 1e-10), 0.1, 1 / 3.0, -1e300);
    printf("%5d|%-8s|%08.3f|%c|%lld|%x\n", 42, "left", 3.14159, 'x', -5ll, 255);
    return verdict();
}
