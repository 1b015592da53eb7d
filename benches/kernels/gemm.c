// Product of two square matrices of doubles, added to a third.
#include "kernel.h"

__attribute__((noinline)) static void gemm(int n, double *c, const double *a, const double *b) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            double factor = 1.25 * a[i * n + k];
            for (int j = 0; j < n; j++)
                c[i * n + j] += factor * b[k * n + j];
        }
}

int main(int argc, char **argv) {
    int n = size_of_work(argc, argv);
    double *a = room(n * n, sizeof *a), *b = room(n * n, sizeof *b), *c = room(n * n, sizeof *c);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            a[i * n + j] = (double)(i * j % n + 1) / n;
            b[i * n + j] = (double)((i + j) % (n + 3)) / n;
            c[i * n + j] = (double)(i - j) / n;
        }
    gemm(n, c, a, b);
    uint64_t hash = HASH_START;
    for (int i = 0; i < n * n; i++)
        hash = mix_double(hash, c[i]);
    return report(hash);
}
