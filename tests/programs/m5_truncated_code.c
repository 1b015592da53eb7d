//! code in a mapped file: the file shrinks under it (SIGBUS), grows again, is replaced, is removed
#include "jit.h"
int main(void) {
    uint8_t code[4096];
    handle(SIGBUS, jit_fault, 0);
    handle(SIGSEGV, jit_fault, 0);
    for (uint32_t n = 1; n < 60; n++) {
        int file = open("code", O_CREAT | O_RDWR | O_TRUNC, 0700);
        memset(code, 0x90, sizeof code);
        jit_constant(code + 100, n);
        MUST(pwrite(file, code, 4096, 0));
        uint8_t *view = mmap(NULL, 4096, RX, n & 1 ? MAP_SHARED : MAP_PRIVATE, file, 0);
        for (int i = 0; i < 5; i++) CHECK(jit_call(view + 90) == n, "mapped");
        MUST(ftruncate(file, 0));
        CHECK(jit_call(view + 90) == -SIGBUS, "shrunk: %ld", jit_call(view + 90));
        MUST(ftruncate(file, 4096));
        jit_constant(code + 100, n + 1000);
        MUST(pwrite(file, code, 4096, 0));
        CHECK(jit_call(view + 90) == n + 1000, "grown again: %ld", jit_call(view + 90));
        unlink("code");
        CHECK(jit_call(view + 90) == n + 1000, "removed");
        munmap(view, 4096);
        CHECK(jit_call(view + 90) == -SIGSEGV, "unmapped");
        close(file);
    }
    return verdict();
}
