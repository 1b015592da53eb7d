//! code changes under a fast timer, in the handler too, and in the code that is interrupted
#include <sys/time.h>
#include "jit.h"
static uint8_t *page;
static volatile uint32_t ticks;
static volatile uint64_t wrong;
static void on_tick(int signal, siginfo_t *info, void *context) {
    ticks++;
    jit_constant(page + 512, ticks);
    if (((code_fn)(page + 512))(0) != ticks) wrong++;
}
int main(void) {
    page = jit_pages(1, RWX);
    jit_constant(page + 512, 0);
    handle(SIGALRM, on_tick, 0);
    struct itimerval timer = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (uint32_t n = 0; n < 20000 || ticks < 200; n++) {
        jit_constant(page, n);
        CHECK(((code_fn)page)(0) == n, "changed code");
        uint32_t before = ticks, value = ((code_fn)(page + 512))(0), after = ticks;
        CHECK(value >= before && value <= after, "the handler's code gives %u between %u and %u", value, before, after);
    }
    CHECK(!wrong, "%lu wrong in the handler", wrong);
    return verdict();
}
