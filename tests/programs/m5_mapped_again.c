//! code is unmapped and other code mapped at its address: munmap, MAP_FIXED over it, mremap to and away, madvise
#include "jit.h"
static int faults(void *code) { return jit_call(code) < 0; }
static void place(uint8_t *at, uint32_t value, int flags) {
    MUST((long)mmap(at, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0));
    jit_constant(at + 16, value);
    MUST(mprotect(at, 4096, RX));
}
int main(void) {
    handle(SIGSEGV, jit_fault, 0);
    uint8_t *home = jit_pages(16, PROT_NONE), *away = jit_pages(1, PROT_NONE);
    for (uint32_t n = 0; n < 300; n++) {
        MUST(munmap(home, 4096));
        CHECK(faults(home + 16), "unmapped code ran");
        place(home, n, 0);
        CHECK(((code_fn)(home + 16))(0) == n, "munmap then mmap: %u", n);
        place(home, n + 1, 0);
        CHECK(((code_fn)(home + 16))(0) == n + 1, "MAP_FIXED over it");
        // The middle of a bigger mapping.
        place(home + 8 * 4096, n + 2, 0);
        CHECK(((code_fn)(home + 8 * 4096 + 16))(0) == n + 2, "in the middle");
        // Moved away and something else moved here.
        CHECK(mremap(home, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, away) == away, "mremap");
        CHECK(((code_fn)(away + 16))(0) == n + 1, "moved code");
        CHECK(faults(home + 16), "code ran where it was moved from");
        CHECK(mremap(home + 8 * 4096, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, home) == home, "mremap");
        CHECK(((code_fn)(home + 16))(0) == n + 2, "code moved over other code");
        MUST((long)mmap(home + 8 * 4096, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
        MUST(mprotect(home, 4096, PROT_NONE));
        CHECK(faults(home + 16), "code ran without permission");
        MUST(mprotect(home, 4096, PROT_READ));
        CHECK(faults(home + 16), "data ran");
        MUST(mprotect(home, 4096, RX));
        CHECK(((code_fn)(home + 16))(0) == n + 2, "permitted again");
        // Its content is dropped: zeroes are `add %al, (%rax)`.
        MUST(madvise(home, 4096, MADV_DONTNEED));
        CHECK(faults(home + 16), "dropped code ran");
    }
    return verdict();
}
