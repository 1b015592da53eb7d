//! write, make executable, run, make writable again, over and over, as careful JITs do
#include "jit.h"
int main(void) {
    uint8_t *pages = jit_pages(8, RW);
    uint64_t x = 1;
    for (int n = 0; n < 1500; n++) {
        uint8_t *page = pages + n % 8 * 4096;
        MUST(mprotect(page, 4096, RW));
        size_t bytes = jit_shape(page + n % 3 * 64, n + 7);
        memset(page + n % 3 * 64 + bytes, 0xcc, 8);
        MUST(mprotect(page, 4096, RX));
        uint64_t got = ((code_fn)(page + n % 3 * 64))(x), expected = jit_shape_value(n + 7, x);
        CHECK(got == expected, "flip %d: %#lx, not %#lx", n, got, expected);
        x = expected;
        // Flipped without a change: the old code still runs.
        if (n % 5 == 0) {
            MUST(mprotect(page, 4096, RW));
            MUST(mprotect(page, 4096, RX));
            CHECK(((code_fn)(page + n % 3 * 64))(x) == jit_shape_value(n + 7, x), "flip without change %d", n);
        }
        // A range over several pages.
        if (n % 50 == 0) {
            MUST(mprotect(pages, 8 * 4096, PROT_NONE));
            MUST(mprotect(pages, 8 * 4096, RX));
        }
    }
    printf("%016lx\n", x);
    return verdict();
}
