//! functions of the program and of the C library are patched with jumps, run, and restored, as hooking libraries do
#include "jit.h"
static __attribute__((noinline, aligned(64))) int target(int x) {
    __asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop");
    return x + 1;
}
static __attribute__((noinline)) int replacement(int x) { return x * 2; }
static __attribute__((noinline)) char *other_strchr(const char *s, int c) { return (char *)"hooked"; }
static uint8_t saved[2][14];
static void protect(void *function, int protection) {
    uint64_t page = (uint64_t)function & ~4095ul;
    MUST(mprotect((void *)page, 8192, protection));
}
static void hook(int which, void *function, void *to) {
    // jmp *0(%rip); the address
    static const uint8_t jump[6] = {0xff, 0x25, 0, 0, 0, 0};
    protect(function, RWX);
    memcpy(saved[which], function, 14);
    memcpy(function, jump, 6);
    memcpy((uint8_t *)function + 6, &to, 8);
    protect(function, RX);
}
static void unhook(int which, void *function) {
    protect(function, RWX);
    memcpy(function, saved[which], 14);
    protect(function, RX);
}
int main(void) {
    int (*volatile call)(int) = target;
    for (int n = 0; n < 200; n++) {
        for (int i = 0; i < 50; i++) CHECK(call(i) == i + 1 && target(i) == i + 1, "before, %d", n);
        hook(0, (void *)target, (void *)replacement);
        for (int i = 0; i < 50; i++) CHECK(call(i) == i * 2, "hooked, %d", n);
        unhook(0, (void *)target);
    }
    // A function of the C library: its text is a file's, privately mapped.
    char *(*volatile find)(const char *, int) = (char *(*)(const char *, int))(void *)labs;
    for (int n = 0; n < 50; n++) {
        CHECK((long)find((const char *)-5l, 0) == 5, "labs before");
        hook(1, (void *)labs, (void *)other_strchr);
        CHECK(!strcmp(find("x", 'x'), "hooked"), "labs hooked");
        unhook(1, (void *)labs);
        CHECK((long)find((const char *)-6l, 0) == 6, "labs restored");
    }
    return verdict();
}
