// Heat in a cube: a stencil in three dimensions.
#include "kernel.h"

__attribute__((noinline)) static void step(int n, double *to, const double *from) {
    for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++)
            for (int k = 1; k < n - 1; k++) {
                const double *at = from + (i * n + j) * n + k;
                double x = at[n * n] - 2.0 * at[0] + at[-n * n];
                double y = at[n] - 2.0 * at[0] + at[-n];
                double z = at[1] - 2.0 * at[0] + at[-1];
                to[(i * n + j) * n + k] = at[0] + 0.125 * (x + y + z);
            }
}

int main(int argc, char **argv) {
    int n = 72, steps = size_of_work(argc, argv);
    double *a = room(n * n * n, sizeof *a), *b = room(n * n * n, sizeof *b);
    for (int i = 0; i < n * n * n; i++)
        a[i] = b[i] = (double)(i % 17 + i % 29) * 10.0 / n;
    for (int turn = 0; turn < steps; turn++) {
        step(n, b, a);
        step(n, a, b);
    }
    uint64_t hash = HASH_START;
    for (int i = 0; i < n * n * n; i++)
        hash = mix_double(hash, a[i]);
    return report(hash);
}
