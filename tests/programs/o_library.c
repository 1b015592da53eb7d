//! the C library's own start, printf, malloc, qsort and end, counted exactly
// link: static static-pie
// oracle: count cov
#include <stdio.h>
#include <stdlib.h>
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void) {
    int *numbers = malloc(60 * sizeof *numbers);
    for (int n = 0; n < 60; n++) numbers[n] = n * 7919 % 211;
    qsort(numbers, 60, sizeof *numbers, compare);
    printf("%d %d %g\n", numbers[0], numbers[59], numbers[30] / 7.0);
    free(numbers);
    return 3;
}
