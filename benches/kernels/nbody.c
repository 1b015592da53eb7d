// Five bodies that attract each other: doubles, square roots, divisions.
#include "kernel.h"

#define BODIES 5

struct body {
    double at[3], speed[3], mass;
};

static struct body bodies[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, 39.0},
    {{4.8, -1.1, -0.1}, {0.6, 2.8, -0.02}, 0.037},
    {{8.3, 4.1, -0.4}, {-1.0, 1.8, 0.008}, 0.011},
    {{12.8, -15.1, -0.2}, {1.0, 0.8, -0.01}, 0.0017},
    {{15.3, -25.9, 0.17}, {0.9, 0.5, -0.03}, 0.002},
};

__attribute__((noinline)) static void advance(double time) {
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *b = &bodies[j];
            double d[3], square = 0;
            for (int axis = 0; axis < 3; axis++) {
                d[axis] = a->at[axis] - b->at[axis];
                square += d[axis] * d[axis];
            }
            double pull = time / (square * __builtin_sqrt(square));
            for (int axis = 0; axis < 3; axis++) {
                a->speed[axis] -= d[axis] * b->mass * pull;
                b->speed[axis] += d[axis] * a->mass * pull;
            }
        }
    }
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            bodies[i].at[axis] += time * bodies[i].speed[axis];
}

int main(int argc, char **argv) {
    int steps = size_of_work(argc, argv) * 1000;
    for (int step = 0; step < steps; step++)
        advance(0.001);
    uint64_t hash = HASH_START;
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            hash = mix_double(mix_double(hash, bodies[i].at[axis]), bodies[i].speed[axis]);
    return report(hash);
}
