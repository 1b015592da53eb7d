//! handlers without SA_RESTORER's library: a restorer of the program's own, a frame made by hand, getcontext-like jumps by rt_sigreturn
#include "common.h"
struct kernel_action { void (*handler)(int, siginfo_t *, void *); unsigned long flags; void (*restorer)(void); uint64_t mask; };
__asm__(".text\n.globl own_restorer\nown_restorer: incl restored(%rip)\n  mov $15, %eax\n  syscall\n"
        ".globl jump_to_frame\njump_to_frame: mov %rdi, %rsp\n  mov $15, %eax\n  syscall\n.data\n.globl restored\nrestored: .long 0\n.text\n");
extern void own_restorer(void), jump_to_frame(void *frame) __attribute__((noreturn));
extern int restored;
static volatile int count;
static char copy[16384] __attribute__((aligned(64)));
static void on_usr(int signal, siginfo_t *info, void *context) {
    count++;
}
int main(void) {
    struct kernel_action action = {on_usr, SA_SIGINFO | 0x04000000, own_restorer, 0};
    MUST(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8));
    for (int n = 0; n < 100; n++) raise(SIGUSR1);
    CHECK(count == 100 && restored == 100, "%d handled, %d restored", count, restored);
    struct kernel_action old = {0};
    syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8);
    CHECK(old.restorer == own_restorer && old.handler == on_usr, "the restorer read back");
    // A context saved with getcontext is turned into a frame.
    static ucontext_t saved;
    volatile int turn = 0;
    getcontext(&saved);
    if (turn++ < 5) {
        memcpy(copy, &saved, sizeof saved);
        ucontext_t *c = (void *)copy;
        c->uc_flags = 0;
        c->uc_mcontext.fpregs = NULL;
        c->uc_mcontext.gregs[REG_EFL] = 0x202;
        c->uc_mcontext.gregs[REG_CSGSFS] = 0x002b000000000033;
        jump_to_frame(copy);
    }
    printf("turns %d\n", turn);
    return verdict();
}
