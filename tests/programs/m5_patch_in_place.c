//! code in a writable and executable page is patched in place between calls: whole, by its immediate, by one byte
#include "jit.h"
int main(void) {
    uint8_t *page = jit_pages(2, RWX);
    uint64_t seed = 3;
    for (uint32_t n = 0; n < 3000; n++) {
        jit_constant(page, n);
        CHECK(((code_fn)page)(0) == n, "rewritten whole: %u", n);
        uint32_t value = next_random(&seed);
        memcpy(page + 1, &value, 4);
        CHECK(((code_fn)page)(0) == value, "immediate: %u", n);
        page[1 + n % 4] ^= 0x55;
        memcpy(&value, page + 1, 4);
        CHECK(((code_fn)page)(0) == value, "one byte: %u", n);
        *(volatile uint8_t *)(page + 5) = 0xc3;
    }
    // Called hot first, then changed once: linked code must notice.
    for (int round = 0; round < 50; round++) {
        jit_shape(page + 64, round + 1);
        for (uint64_t x = 0; x < 2000; x++) CHECK(((code_fn)(page + 64))(x) == jit_shape_value(round + 1, x), "hot, round %d", round);
    }
    // Another function in the same page, unchanged, keeps working.
    jit_add(page + 2048, 1000);
    for (uint32_t n = 0; n < 500; n++) {
        jit_constant(page + 512, n);
        CHECK(((code_fn)(page + 512))(0) == n && ((code_fn)(page + 2048))(n) == n + 1000, "neighbours");
    }
    return verdict();
}
