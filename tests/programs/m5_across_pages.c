//! blocks and single instructions that cross a page: either page changes, is unmapped, or loses its permission
#include <setjmp.h>
#include "jit.h"
static sigjmp_buf back;
static void on_fault(int signal, siginfo_t *info, void *context) { siglongjmp(back, 1); }
static int64_t run(uint8_t *code) {
    if (sigsetjmp(back, 1)) return -1;
    return ((code_fn)code)(0);
}
int main(void) {
    handle(SIGSEGV, on_fault, 0);
    uint8_t *pages = jit_pages(3, RWX), *edge = pages + 4096;
    for (uint32_t n = 0; n < 300; n++) {
        for (int before = 1; before < 6; before++) {
            // The whole instruction, then its part in the second page, then in the first.
            jit_constant(edge - before, n * 8 + before);
            CHECK(run(edge - before) == n * 8 + before, "across, %d before", before);
            if (before < 5) {
                edge[0] ^= 1;
                uint32_t value;
                memcpy(&value, edge - before + 1, 4);
                CHECK(run(edge - before) == value, "second page changed, %d before", before);
            }
            if (before > 1) {
                edge[-1] ^= 1;
                uint32_t value;
                memcpy(&value, edge - before + 1, 4);
                CHECK(run(edge - before) == value, "first page changed, %d before", before);
            }
        }
        // A long block from page to page; its far end changes.
        memset(edge - 300, 0x90, 600);
        jit_constant(edge + 300, n);
        CHECK(run(edge - 300) == n, "long block");
        jit_constant(edge + 300, n + 1);
        CHECK(run(edge - 300) == n + 1, "its end changed");
        MUST(mprotect(edge, 4096, PROT_NONE));
        CHECK(run(edge - 300) == -1, "ran on into a forbidden page");
        MUST(mprotect(edge, 4096, RWX));
        CHECK(run(edge - 300) == n + 1, "permitted again");
    }
    return verdict();
}
