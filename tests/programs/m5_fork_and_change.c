//! parent and child change the same code differently after a fork, privately
#include "jit.h"
int main(void) {
    uint8_t *page = jit_pages(1, RWX);
    for (uint32_t n = 0; n < 60; n++) {
        jit_constant(page, n);
        CHECK(((code_fn)page)(0) == n, "before");
        pid_t child = MUST(fork());
        if (!child) {
            CHECK(((code_fn)page)(0) == n, "inherited");
            jit_constant(page, n + 1000);
            for (int i = 0; i < 100; i++) CHECK(((code_fn)page)(0) == n + 1000, "changed in the child");
            _exit(failures != 0);
        }
        jit_constant(page, n + 2000);
        for (int i = 0; i < 100; i++) CHECK(((code_fn)page)(0) == n + 2000, "changed in the parent");
        int status;
        waitpid(child, &status, 0);
        CHECK(status == 0, "the child failed");
    }
    // vfork: the child's change is the parent's.
    for (uint32_t n = 0; n < 20; n++) {
        pid_t child = vfork();
        if (!child) {
            jit_constant(page, n + 3000);
            _exit(((code_fn)page)(0) != n + 3000);
        }
        waitpid(child, NULL, 0);
        CHECK(((code_fn)page)(0) == n + 3000, "changed by a vfork child");
    }
    return verdict();
}
