//! calls into the vsyscall page do what the kernel's mode for it says
#include <setjmp.h>
#include <sys/time.h>
#include "common.h"
static sigjmp_buf back;
static int code;
static uint64_t rip;
static void on_fault(int signal, siginfo_t *info, void *context) {
    code = info->si_code;
    rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    siglongjmp(back, signal);
}
int main(void) {
    handle(SIGSEGV, on_fault, 0);
    for (int round = 0; round < 20; round++) {
        int signal = sigsetjmp(back, 1);
        if (!signal) {
            struct timeval tv = {0};
            long result = ((long (*)(struct timeval *, void *))0xffffffffff600000)(&tv, NULL);
            time_t now = time(NULL), there = ((time_t (*)(time_t *))0xffffffffff600400)(NULL);
            unsigned cpu = 99999;
            long third = ((long (*)(unsigned *, unsigned *, void *))0xffffffffff600800)(&cpu, NULL, NULL);
            if (!round) printf("results %ld %ld\n", result, third);
            CHECK(tv.tv_sec - now < 3 && now - tv.tv_sec < 3 && there - now < 3 && cpu < 4096, "values");
        } else if (!round) {
            printf("signal %d code %d rip %#lx\n", signal, code, rip);
        }
        signal = sigsetjmp(back, 1);
        if (!signal) ((void (*)(void))0xffffffffff600010)();
        else if (!round) printf("in the middle: signal %d code %d rip %#lx\n", signal, code, rip);
    }
    return verdict();
}
