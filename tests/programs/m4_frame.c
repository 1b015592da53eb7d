//! the signal frame is complete: vector state is kept and may be changed, segments, cr2, fpstate's magic, restored on return
#include <cpuid.h>
#include "common.h"
struct xsave_words { uint32_t magic1, extended_size; uint64_t features; uint32_t xstate_size; };
static int changed;
static void on_usr(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    char *fp = (char *)c->uc_mcontext.fpregs;
    CHECK(fp && ((uint64_t)fp & 63) == 0, "fpstate is not aligned");
    struct xsave_words *words = (void *)(fp + 464);
    printf("magic %#x, extended %s, end magic %s\n", words->magic1, words->extended_size > words->xstate_size ? "larger" : "not larger",
           *(uint32_t *)(fp + words->xstate_size) == 0x46505845 ? "there" : "missing");
    printf("flags of the context %#lx, link %p, cs %#llx\n", c->uc_flags, (void *)c->uc_link, c->uc_mcontext.gregs[REG_CSGSFS] & 0xffff);
    uint64_t *xmm7 = (uint64_t *)(fp + 160 + 16 * 7);
    CHECK(xmm7[0] == 0x1122334455667788, "xmm7 in the frame is %#lx", xmm7[0]);
    xmm7[0] = 0x99;
    *(uint32_t *)(fp + 24) = 0x1f80 | 1;
    changed++;
    CHECK(((uint64_t)__builtin_frame_address(0) & 15) == 0, "the stack is not aligned");
    __asm__ volatile("pxor %%xmm7, %%xmm7" ::: "xmm7");
}
int main(void) {
    handle(SIGUSR1, on_usr, 0);
    for (int n = 0; n < 3; n++) {
        uint64_t before = 0x1122334455667788, after = 0;
        long result, pid = getpid();
        uint32_t mxcsr = 0;
        __asm__ volatile("movq %2, %%xmm7\n syscall\n movq %%xmm7, %1\n stmxcsr %3" : "=a"(result), "=r"(after), "+r"(before), "=m"(mxcsr)
                         : "a"(SYS_kill), "D"(pid), "S"(SIGUSR1) : "rcx", "r11", "memory", "xmm7");
        CHECK(result == 0 && after == 0x99, "xmm7 after the handler is %#lx", after);
        CHECK(mxcsr == 0x1f81, "MXCSR is %#x", mxcsr);
    }
    return verdict();
}
