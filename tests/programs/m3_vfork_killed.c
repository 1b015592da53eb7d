//! a vfork child dies of a signal while it runs new code: its parent goes on
// limit: 60
#include <sys/prctl.h>
#include "jit.h"
int main(void) {
    uint8_t *code = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile pid_t *victim = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t killer = MUST(fork());
    if (!killer) prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t random = 88172645463325252; !killer;) {
        pid_t now = *victim;
        if (now == -1) _exit(0);
        if (now <= 0) continue;
        for (volatile int i = next_random(&random) % 20000; i > 0; i--) {}
        kill(now, SIGTERM);
        *victim = 0;
    }
    int killed = 0;
    for (int n = 0; n < 100; n++) {
        pid_t child = vfork();
        if (!child) {
            *victim = syscall(SYS_getpid);
            for (uint32_t i = 0;; i++) {
                uint8_t *at = code + (i * 64 & 0xfffff);
                jit_constant(at, i);
                if (((code_fn)at)(0) != i) _exit(9);
            }
        }
        int status;
        MUST(waitpid(child, &status, 0));
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
        while (*victim) usleep(10);
        jit_constant(code, n);
        CHECK(((code_fn)code)(0) == (uint64_t)n, "the parent's code");
    }
    *victim = -1;
    waitpid(killer, NULL, 0);
    printf("killed %d\n", killed);
    return verdict();
}
