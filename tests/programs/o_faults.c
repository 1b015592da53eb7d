//! faulting instructions are not executed, handlers are, and blocks left in their middle count what ran
// raw
// link: static static-pie
// oracle: count cov
#include "raw.h"
static volatile uint64_t seen;
static char *page;
static void skips(int signal, void *info, void *context) {
    seen += signal;
    // Every faulting instruction below is two bytes long.
    RAW_RIP(context) += 2;
}
static void repairs(int signal, void *info, void *context) {
    seen += 100;
    raw_call(10, (long)page, 4096, 3, 0);
}
static void traps(int signal, void *info, void *context) { seen += 1000; }
int raw_main(void) {
    raw_handle(4, skips, 0);
    raw_handle(8, skips, 0);
    raw_handle(11, skips, 0);
    // Not blocked while it runs: the kernel would drop a handler that single-steps while its signal is blocked.
    raw_handle(5, traps, 0x40000000);
    uint64_t h = 0;
    for (int n = 0; n < 30; n++) {
        uint64_t rax = n % 3 ? (uint64_t)&seen : 8;
        __asm__ volatile("inc %1\n inc %1\n mov (%0), %%ecx\n inc %1\n inc %1\n" : "+a"(rax), "+b"(h)::"rcx", "memory");
        __asm__ volatile("inc %0\n ud2\n inc %0\n" : "+b"(h));
        uint64_t zero = n & 1;
        __asm__ volatile("xor %%edx, %%edx\n mov $7, %%eax\n inc %1\n div %%ecx\n inc %1\n" : "+c"(zero), "+b"(h)::"rax", "rdx");
        __asm__ volatile("inc %0\n int3\n inc %0\n" : "+b"(h));
    }
    raw_handle(11, repairs, 0);
    long address;
    {
        register long r8 __asm__("r8") = -1;
        register long r9 __asm__("r9") = 0;
        register long r10 __asm__("r10") = 0x22;
        __asm__ volatile("syscall" : "=a"(address) : "a"(9), "D"(0), "S"(4096), "d"(0), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    }
    page = (char *)address;
    for (int n = 0; n < 10; n++) {
        page[n] += n;
        h += page[n];
        void *to = page + 100;
        long count = 50;
        raw_call(10, (long)page, 4096, 0, 0);
        __asm__ volatile("inc %2\n rep stosb\n inc %2\n" : "+D"(to), "+c"(count), "+b"(h) : "a"(1) : "memory");
        raw_call(10, (long)page, 4096, 0, 0);
    }
    raw_print(h);
    raw_print(seen);
    return 0;
}
