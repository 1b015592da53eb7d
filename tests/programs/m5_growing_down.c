//! code in a mapping that grows downwards: what it grows by can be written, and run
#include "jit.h"
int main(void) {
    enum { PAGES = 64, PAGE = 4096 };
    // The kernel leaves no gap above memory that nobody can use.
    uint8_t *room = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(room + PAGE, (PAGES + 1) * PAGE);
    uint8_t *top = mmap(room + (PAGES + 1) * PAGE, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    uint64_t sum = 0;
    for (int n = 0; n < PAGES; n++) {
        uint8_t *at = top - n * PAGE + 128;
        for (uint32_t value = 0; value < 5; value++) {
            jit_constant(at, n + value);
            sum += ((code_fn)at)(0);
        }
    }
    printf("%lu\n", sum);
    return verdict();
}
