//! data that is written all the time in the same page as hot code: right, and not a crawl
#include "jit.h"
int main(void) {
    uint8_t *page = jit_pages(1, RWX);
    volatile uint64_t *counter = (uint64_t *)(page + 2048);
    jit_add(page, 3);
    // inc qword [rip + 2048 - 64 - 7]; mov rax, rdi; ret
    static const uint8_t increments[] = {0x48, 0xff, 0x05, 0xb9, 0x07, 0x00, 0x00, 0x48, 0x89, 0xf8, 0xc3};
    memcpy(page + 64, increments, sizeof increments);
    uint64_t x = 0;
    for (int n = 0; n < 20000; n++) {
        x = ((code_fn)page)(x);
        counter[1] += x;
        ((code_fn)(page + 64))(x);
    }
    CHECK(x == 60000 && counter[0] == 20000, "%lu %lu", x, counter[0]);
    printf("%lu\n", counter[1]);
    return verdict();
}
