//! a JIT that makes tens of thousands of functions and throws them away: all right, and memory stays bounded
#include <sys/resource.h>
#include "jit.h"
enum { PAGES = 64, EACH = 4096 / 128 };
static long resident(void) {
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(fscanf(file, "%ld %ld", &ignored, &pages) == 2, "statm");
    fclose(file);
    return pages / 256;
}
int main(void) {
    uint8_t *pages = jit_pages(PAGES, RW);
    uint64_t x = 1;
    long early = 0;
    for (int generation = 0; generation < 25; generation++) {
        MUST(mprotect(pages, PAGES * 4096, RW));
        for (int n = 0; n < PAGES * EACH; n++) jit_shape(pages + n * 128, generation * 100000 + n + 1);
        MUST(mprotect(pages, PAGES * 4096, RX));
        for (int n = 0; n < PAGES * EACH; n++) {
            uint64_t expected = jit_shape_value(generation * 100000 + n + 1, x);
            x = ((code_fn)(pages + n * 128))(x);
            CHECK(x == expected, "generation %d, function %d", generation, n);
        }
        if (generation == 4) early = resident();
    }
    printf("%016lx\n", x);
    CHECK(resident() < early + 200, "grew from %ld to %ld MiB", early, resident());
    return verdict();
}
