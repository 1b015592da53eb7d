//! running out of stack is a SIGSEGV on the alternate stack, at the guard's address
// flags: -Wno-infinite-recursion
#include <setjmp.h>
#include <sys/resource.h>
#include "common.h"
static sigjmp_buf back;
static long distance;
static volatile char *lowest;
static char alternate[65536];
static __attribute__((noinline)) int forever(int n) {
    volatile char here[200];
    lowest = here;
    here[0] = n;
    return forever(n + 1) + here[0];
}
static void on_fault(int signal, siginfo_t *info, void *context) {
    distance = (char *)lowest - (char *)info->si_addr;
    siglongjmp(back, signal);
}
int main(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    MUST(sigaltstack(&stack, NULL));
    handle(SIGSEGV, on_fault, SA_ONSTACK);
    for (int n = 0; n < 3; n++) {
        int signal = sigsetjmp(back, 1);
        if (!signal) forever(0);
        CHECK(signal == SIGSEGV && distance > -4096 && distance < 4096, "signal %d, %ld from the frame", signal, distance);
    }
    return verdict();
}
