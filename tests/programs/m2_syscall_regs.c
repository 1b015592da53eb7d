//! after `syscall` rcx is the program's next address, r11 its flags, and all else but rax is unchanged
#include "regs.h"
__asm__(".text\ns_plain: syscall\n.globl s_plain_next\ns_plain_next: jmp regs_leave\n"
        "s_second: syscall\n.globl s_second_next\ns_second_next: nop\n  jmp regs_leave\n");
extern char s_plain[], s_plain_next[], s_second[], s_second_next[];
static uint64_t seed = 3;
static void one(const char *name, const char *code, const char *next, long number, const uint64_t *arguments, unsigned bits) {
    static const int order[6] = {RDI, RSI, RDX, R10, R8, R9};
    struct regs given, seen;
    regs_fill(&given, &seed, regs_spread_flags(bits));
    given.r[RAX] = number;
    for (int i = 0; i < 6; i++) given.r[order[i]] = arguments[i];
    seen = given;
    regs_enter(code, &seen);
    for (int i = 0; i < 16; i++) {
        uint64_t expected = i == RSP ? regs_sp : given.r[i];
        if (i == RAX) continue;
        if (i == RCX) expected = (uint64_t)next;
        if (i == R11) expected = given.flags;
        CHECK(seen.r[i] == expected, "%s: %s is %#lx, not %#lx", name, regs_names[i], seen.r[i], expected);
    }
    CHECK((seen.flags & TESTED_FLAGS) == (given.flags & TESTED_FLAGS), "%s: flags %#lx from %#lx", name, seen.flags, given.flags);
}
int main(void) {
    void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static char spare[256];
    const struct { const char *name; long number; uint64_t a[6]; } calls[] = {
        {"getpid", SYS_getpid, {1, 2, 3, 4, 5, 6}},
        {"unknown", 9999, {1, 2, 3, 4, 5, 6}},
        {"negative", -1, {1, 2, 3, 4, 5, 6}},
        {"mmap", SYS_mmap, {(uint64_t)page, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}},
        {"mprotect", SYS_mprotect, {(uint64_t)page, 4096, 3, 7, 8, 9}},
        {"munmap", SYS_munmap, {(uint64_t)page + 32768, 4096, 3, 7, 8, 9}},
        {"sigprocmask", SYS_rt_sigprocmask, {0, 0, (uint64_t)spare, 8, 1, 2}},
        {"sigaction", SYS_rt_sigaction, {SIGUSR1, 0, (uint64_t)spare, 8, 1, 2}},
        {"sigaltstack", SYS_sigaltstack, {0, (uint64_t)spare, 3, 4, 5, 6}},
        {"brk", SYS_brk, {0, 2, 3, 4, 5, 6}},
        {"arch_prctl", SYS_arch_prctl, {0x1003 /* ARCH_GET_FS */, (uint64_t)spare, 3, 4, 5, 6}},
        {"write to nowhere", SYS_write, {-1, (uint64_t)spare, 3, 4, 5, 6}},
        {"uname at a bad address", SYS_uname, {16, 2, 3, 4, 5, 6}},
    };
    for (unsigned bits = 0; bits < 128; bits++)
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            one(calls[i].name, s_plain, s_plain_next, calls[i].number, calls[i].a, bits);
            one(calls[i].name, s_second, s_second_next, calls[i].number, calls[i].a, bits);
        }
    return verdict();
}
