//! handlers on the alternate stack: where they run, what the frame says, nesting, SS_AUTODISARM, threads' own stacks
// flags: -pthread
#include <pthread.h>
#include "common.h"
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
static char alternate[65536], other[65536];
static int within(void *at, char *stack) { return (char *)at >= stack && (char *)at < stack + 65536; }
static void on_signal(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    stack_t now;
    sigaltstack(NULL, &now);
    printf("signal %d: on alternate %d, frame says sp %d size %zu flags %#x, now flags %#x\n", signal, within(&now, alternate),
           c->uc_stack.ss_sp == alternate, c->uc_stack.ss_size, c->uc_stack.ss_flags, now.ss_flags);
    stack_t another = {.ss_sp = other, .ss_size = sizeof other};
    printf("change inside: %s\n", sigaltstack(&another, NULL) ? strerror(errno) : "done");
    if (signal == SIGUSR1) raise(SIGUSR2);
}
static void on_segv(int signal, siginfo_t *info, void *context) {
    printf("fault: on alternate %d\n", within(&context, alternate));
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    r[REG_RSP] = r[REG_RBX];
}
static void *thread(void *unused) {
    stack_t now;
    sigaltstack(NULL, &now);
    printf("thread: flags %#x\n", now.ss_flags);
    return unused;
}
int main(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, got;
    MUST(sigaltstack(&stack, NULL));
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    handle(SIGUSR2, on_signal, SA_ONSTACK);
    handle(SIGHUP, on_signal, 0);
    handle(SIGSEGV, on_segv, SA_ONSTACK);
    raise(SIGUSR1);
    raise(SIGHUP);
    stack.ss_sp = alternate;
    MUST(sigaltstack(&stack, NULL));
    // A push with no stack at all.
    __asm__ volatile("mov %%rsp, %%rbx\n xor %%esp, %%esp\n push %%rax\n mov %%rbx, %%rsp\n" ::: "rbx", "memory");
    stack.ss_flags = SS_AUTODISARM;
    MUST(sigaltstack(&stack, NULL));
    raise(SIGUSR2);
    sigaltstack(NULL, &got);
    printf("after autodisarm: alternate %d flags %#x\n", got.ss_sp == alternate, got.ss_flags);
    stack.ss_flags = 0;
    stack.ss_size = 100;
    printf("too small: %s\n", sigaltstack(&stack, NULL) ? strerror(errno) : "done");
    stack.ss_flags = 77;
    printf("bad flags: %s\n", sigaltstack(&stack, NULL) ? strerror(errno) : "done");
    stack.ss_flags = SS_DISABLE;
    MUST(sigaltstack(&stack, NULL));
    raise(SIGHUP);
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    return verdict();
}
