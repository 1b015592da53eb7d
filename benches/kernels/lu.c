// LU decomposition of a dominant matrix in place, without pivots.
#include "kernel.h"

__attribute__((noinline)) static void decompose(int n, double *a) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i * n + j] -= a[i * n + k] * a[k * n + j];
            a[i * n + j] /= a[j * n + j];
        }
        for (int j = i; j < n; j++)
            for (int k = 0; k < i; k++)
                a[i * n + j] -= a[i * n + k] * a[k * n + j];
    }
}

int main(int argc, char **argv) {
    int n = size_of_work(argc, argv);
    double *a = room(n * n, sizeof *a);
    uint64_t state = 11;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i * n + j] = (next_random(&state) >> 44) / 1048576.0 + (i == j ? n : 0);
    decompose(n, a);
    uint64_t hash = HASH_START;
    for (int i = 0; i < n * n; i++)
        hash = mix_double(hash, a[i]);
    return report(hash);
}
