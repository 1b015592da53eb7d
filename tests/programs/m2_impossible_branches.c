//! an indirect branch to an address that no processor takes for one faults where it stands, with nothing changed
#include <setjmp.h>
#include "common.h"
static sigjmp_buf back;
static uint8_t *code;
static uint64_t stack[64];
static const uint64_t nowhere = 0x8000000000000010;
static struct {
    int signal, code;
    void *address;
    long rip, rsp, rax, error, trap;
} seen;
static void on_fault(int signal, siginfo_t *info, void *context) {
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    seen.signal = signal, seen.code = info->si_code, seen.address = info->si_addr;
    seen.rip = regs[REG_RIP] - (long)code, seen.rsp = (regs[REG_RSP] - (long)stack) / 8, seen.rax = regs[REG_RAX];
    seen.error = regs[REG_ERR], seen.trap = regs[REG_TRAPNO];
    siglongjmp(back, 1);
}
// rax: nowhere; rcx: the address of a word that says so; every word of the stack says so.
static __attribute__((noinline)) void enter(void) {
    static uint64_t cell;
    for (int i = 0; i < 64; i++) stack[i] = nowhere;
    cell = nowhere;
    __asm__ volatile("mov %0, %%rsp; jmp *%3" : : "r"(stack + 32), "a"(nowhere), "c"(&cell), "d"(code) : "memory");
    __builtin_unreachable();
}
static void try(const char *name, const char *bytes, int count) {
    memcpy(code, bytes, count);
    memset(code + count, 0xcc, 32);
    for (int turn = 0; turn < 3; turn++) {
        if (!sigsetjmp(back, 1)) enter();
        printf("%s: signal %d code %d address %p rip +%ld rsp +%ld rax %#lx error %ld trap %ld\n", name, seen.signal, seen.code, seen.address, seen.rip, seen.rsp, seen.rax, seen.error, seen.trap);
    }
}
#define TRY(name, bytes) try(name, bytes, sizeof bytes - 1)
int main(void) {
    stack_t alternate = {.ss_sp = malloc(65536), .ss_size = 65536};
    MUST(sigaltstack(&alternate, NULL));
    handle(SIGSEGV, on_fault, SA_ONSTACK);
    handle(SIGBUS, on_fault, SA_ONSTACK);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY("jmp rax", "\x90\xff\xe0");
    TRY("call rax", "\x90\xff\xd0");
    TRY("jmp [rcx]", "\x90\xff\x21");
    TRY("call [rcx]", "\x90\xff\x11");
    TRY("jmp [rsp]", "\xff\x24\x24");
    TRY("call [rsp]", "\xff\x14\x24");
    TRY("pop rax; jmp rax", "\x58\xff\xe0");
    TRY("ret", "\x90\xc3");
    TRY("ret 16", "\x90\xc2\x10\x00");
    TRY("push rax; ret", "\x90\x50\xc3");
    TRY("sub rsp, 8; pop rdx; pop rdx; ret", "\x48\x83\xec\x08\x5a\x5a\xc3");
    return verdict();
}
