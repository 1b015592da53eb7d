//! code is written through a second mapping of the same memory, by this process, a child, and write() to the file
#include "jit.h"
int main(void) {
    int file = memfd_create("code", 0);
    MUST(ftruncate(file, 3 * 4096));
    uint8_t *view = (uint8_t *)MUST((long)mmap(NULL, 3 * 4096, RX, MAP_SHARED, file, 0));
    uint8_t *alias = (uint8_t *)MUST((long)mmap(NULL, 3 * 4096, RW, MAP_SHARED, file, 0));
    uint8_t code[16];
    for (uint32_t n = 0; n < 2000; n++) {
        uint8_t *at = alias + n % 3 * 4096 + 32;
        jit_constant(at, n);
        CHECK(((code_fn)(view + (at - alias)))(0) == n, "alias: %u", n);
        // Across the page's end.
        jit_constant(alias + 4096 - 3, n ^ 0x1234567);
        CHECK(((code_fn)(view + 4096 - 3))(0) == (n ^ 0x1234567), "alias across a page: %u", n);
        if (n % 10 == 0) {
            jit_constant(code, n + 5);
            MUST(pwrite(file, code, 6, 200));
            CHECK(((code_fn)(view + 200))(0) == n + 5, "written to the file: %u", n);
        }
        if (n % 100 == 0) {
            pid_t child = MUST(fork());
            if (!child) {
                jit_constant(alias + 300, n + 6);
                _exit(((code_fn)(view + 300))(0) != n + 6);
            }
            int status;
            waitpid(child, &status, 0);
            CHECK(status == 0, "child: old code ran");
            CHECK(((code_fn)(view + 300))(0) == n + 6, "written by a child: %u", n);
        }
    }
    // Hot and linked before the change.
    for (int n = 0; n < 50; n++) {
        jit_shape(alias + 1024, n + 1);
        for (uint64_t x = 0; x < 500; x++) CHECK(((code_fn)(view + 1024))(x) == jit_shape_value(n + 1, x), "hot through an alias");
    }
    return verdict();
}
