// Floyd and Warshall: the lengths of all shortest paths of a dense graph.
#include "kernel.h"

__attribute__((noinline)) static void paths(int n, int32_t *length) {
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                int32_t around = length[i * n + k] + length[k * n + j];
                if (around < length[i * n + j])
                    length[i * n + j] = around;
            }
}

int main(int argc, char **argv) {
    int n = size_of_work(argc, argv);
    int32_t *length = room(n * n, sizeof *length);
    uint64_t state = 5, hash = HASH_START;
    for (int i = 0; i < n * n; i++)
        length[i] = i % (n + 1) ? (next_random(&state) >> 48) + 1 : 0;
    paths(n, length);
    for (int i = 0; i < n * n; i++)
        hash = mix(hash, length[i]);
    return report(hash);
}
