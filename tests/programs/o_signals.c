//! signals that a program sends itself: handlers, nesting, blocked ones, jumps out of them
// raw
// link: static static-pie
// oracle: count cov
#include "raw.h"
static volatile uint64_t seen;
static int depth, budget;
static void on_signal(int signal, void *info, void *context) {
    seen = seen * 3 + signal;
    if (depth++ < 3 && budget-- > 0) raw_call(62, raw_call(39, 0, 0, 0, 0), signal == 10 ? 12 : 10, 0, 0);
    depth--;
}
__asm__(".data\nl_sp: .quad 0\n.text\nl_away: mov l_sp(%rip), %rsp\n  jmp l_landed\n");
extern char l_away[];
static void on_leave(int signal, void *info, void *context) { RAW_RIP(context) = (uint64_t)l_away; }
int raw_main(void) {
    long pid = raw_call(39, 0, 0, 0, 0);
    raw_handle(10, on_signal, 0);
    raw_handle(12, on_signal, 0);
    raw_handle(1, on_leave, 0);
    for (int n = 0; n < 15; n++) {
        depth = 0;
        budget = 5;
        if (n % 3 == 2) depth = 3;
        raw_call(62, pid, n & 1 ? 10 : 12, 0, 0);
        uint64_t set = 1 << 9 | 1 << 11, none = 0;
        raw_call(14, 0, (long)&set, 0, 8);
        depth = 3;
        raw_call(62, pid, 10, 0, 0);
        raw_call(62, pid, 12, 0, 0);
        seen += 7;
        raw_call(14, 2, (long)&none, 0, 8);
        // The call sends; the handler sends execution to l_away.
        __asm__ volatile("mov %%rsp, l_sp(%%rip)\n mov $62, %%eax\n mov $1, %%esi\n syscall\n ud2\n l_landed: nop\n" ::"D"(pid) : "rax", "rcx", "rsi", "r11", "memory");
    }
    raw_print(seen);
    return 0;
}
