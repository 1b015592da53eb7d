//! synchronous faults: the handler sees the program's rip and every register, changes both, and execution goes on from there
#include "regs.h"
// Each faults at `at` with every register and flag known, also deep in hot, linked code.
__asm__(".text\n"
        ".globl y_load, y_store, y_div, y_ud, y_jump, y_loop, y_call, y_push, y_ret, y_rep, y_after, y_rip\n"
        "y_load: jmp 1f\n1: mov (%rax), %rbx\n  jmp regs_leave\n"
        "y_store: nop\n  movl $5, 8(%rax)\n  jmp regs_leave\n"
        "y_div: div %ecx\n  jmp regs_leave\n"
        "y_ud: ud2\n  jmp regs_leave\n"
        "y_jump: jmp *%rax\n"
        "y_loop: mov $500, %ecx\n2: test $1, %ecx\n  jz 3f\n  nop\n3: cmp $1, %ecx\n  cmove y_bad(%rip), %rax\n  mov (%rax), %dl\n  dec %ecx\n  jnz 2b\n  jmp regs_leave\n"
        "y_call: call *(%rax)\n  jmp regs_leave\n"
        "y_push: mov %rsp, %rbx\n  mov %rax, %rsp\n  push %rcx\n  mov %rbx, %rsp\n  jmp regs_leave\n"
        "y_ret: mov %rsp, %rbx\n  mov %rax, %rsp\n  ret\n"
        "y_rep: lea y_room(%rip), %rdi\n  mov $64, %ecx\n  mov %rax, %rsi\n  rep movsb\n  jmp regs_leave\n"
        "y_rip: mov y_pointer(%rip), %rax\n  movl $7, (%rax)\n  jmp regs_leave\n"
        "y_after: jmp regs_leave\n"
        ".data\n.balign 8\ny_bad: .quad 16\ny_room: .skip 64\ny_pointer: .quad 24\n.text\n");
extern char y_load[], y_store[], y_div[], y_ud[], y_jump[], y_loop[], y_call[], y_push[], y_ret[], y_rep[], y_after[], y_rip[];
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static struct regs at_fault;
static struct { int signal, code; long rip, address, trap; } seen;
static int action;
static const char *base;
static void on_fault(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    for (int i = 0; i < 16; i++) at_fault.r[i] = r[order[i]];
    at_fault.flags = r[REG_EFL];
    seen.signal = signal;
    seen.code = info->si_code;
    seen.rip = (char *)r[REG_RIP] - base;
    // Where it is in the code, or what the data address was.
    seen.address = (long)info->si_addr == r[REG_RIP] && signal != SIGSEGV ? -1 : (long)info->si_addr;
    seen.trap = r[REG_TRAPNO];
    grind(1, 100);
    for (int i = 0; i < 16; i++) if (i != RSP) r[order[i]] = r[order[i]] * 3 + action;
    r[REG_EFL] = (r[REG_EFL] & ~TESTED_FLAGS) | regs_spread_flags(action & 127);
    r[REG_RIP] = (greg_t)y_after;
}
static uint64_t hash;
static void one(const char *name, const char *code, uint64_t rax, unsigned rsp_moves, int show) {
    static uint64_t seed = 4;
    struct regs given, after;
    regs_fill(&given, &seed, regs_spread_flags(action & 127) & ~0x400ul);
    given.r[RAX] = rax;
    if (code == y_div) given.r[RCX] &= 0xffffffff00000000;
    after = given;
    base = code;
    memset(&seen, 0, sizeof seen);
    regs_enter(code, &after);
    for (int i = 0; i < 16; i++) {
        if (i == RSP) continue;
        CHECK(after.r[i] == at_fault.r[i] * 3 + action, "%s: %s was set to %#lx and is %#lx", name, regs_names[i], at_fault.r[i] * 3 + action, after.r[i]);
        // These may hold addresses of this run.
        if (i != RBX && i != RDI && !(code == y_loop && i == RAX)) hash = mix(hash, at_fault.r[i]);
    }
    if (!rsp_moves) CHECK(at_fault.r[RSP] == regs_sp, "%s: rsp at the fault is off by %ld", name, (long)(at_fault.r[RSP] - regs_sp));
    hash = mix(hash, at_fault.flags & TESTED_FLAGS);
    CHECK((after.flags & TESTED_FLAGS) == regs_spread_flags(action & 127), "%s: flags set to %#lx are %#lx", name, regs_spread_flags(action & 127), after.flags & TESTED_FLAGS);
    if (show) printf("%s: signal %d code %d rip +%ld address %#lx trap %ld\n", name, seen.signal, seen.code, seen.rip == (long)rax - (long)base ? -1 : seen.rip, seen.address, seen.trap);
}
int main(void) {
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (int i = 0; i < 4; i++) handle(signals[i], on_fault, SA_ONSTACK);
    for (action = 0; action < 256; action++) {
        int show = action < 2;
        one("load", y_load, 8, 0, show);
        one("store", y_store, 0x20, 0, show);
        one("div", y_div, 5, 0, show);
        one("ud2", y_ud, 5, 0, show);
        one("jump", y_jump, 0x1234, 0, show);
        one("loop", y_loop, (uint64_t)base, 0, show);
        one("call", y_call, 0x30, 0, show);
        one("push", y_push, 0x40, 1, show);
        one("ret", y_ret, 0x50, 1, show);
        one("rep movs", y_rep, 0x60, 0, show);
        one("rip", y_rip, 0, 0, show);
        one("non-canonical load", y_load, 0x8000000000000000, 0, show);
    }
    printf("%016lx\n", hash);
    return verdict();
}
