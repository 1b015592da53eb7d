//! return addresses on the stack are the program's own: read, changed, pushed, popped, skipped and pivoted
#include "regs.h"
__asm__(".text\n.globl ra_call, ra_next, ra_callee\n"
        "ra_call: call ra_callee\nra_next: jmp regs_leave\n"
        "ra_callee: mov (%rsp), %rax\n  ret\n"
        "ra_change: call 1f\n  ud2\n2: mov $77, %eax\n  jmp regs_leave\n1: lea 2b(%rip), %rcx\n  mov %rcx, (%rsp)\n  ret\n"
        "ra_pc: call 1f\n.globl ra_pc_at\nra_pc_at:\n1: pop %rax\n  jmp regs_leave\n"
        "ra_drop: call 1f\n  ud2\n1: add $8, %rsp\n  mov $78, %eax\n  jmp regs_leave\n"
        "ra_imm: push $1\n  push $2\n  push $3\n  call 1f\n  mov %rsp, %rax\n  jmp regs_leave\n1: ret $24\n"
        "ra_pivot: mov %rsp, %rbx\n  lea ra_stack_end(%rip), %rsp\n  call ra_callee\n.globl ra_pivot_next\nra_pivot_next: mov %rbx, %rsp\n  jmp regs_leave\n"
        ".globl ra_list\nra_list: mov %rsp, %rbx\n  lea ra_chain(%rip), %rsp\n  xor %eax, %eax\n  ret\n"
        "ra_1: add $1, %eax\n  ret\nra_2: shl $4, %eax\n  ret\nra_3: mov %rbx, %rsp\n  jmp regs_leave\n"
        ".section .data.rel.local,\"aw\"\n.balign 16\n.skip 256\nra_stack_end: .quad 0\n"
        "ra_chain: .rept 8\n.quad ra_1, ra_2\n.endr\n.quad ra_3\n.text\n");
extern char ra_call[], ra_next[], ra_change[], ra_pc[], ra_pc_at[], ra_drop[], ra_imm[], ra_pivot[], ra_pivot_next[], ra_list[];
static uint64_t seed = 1;
static uint64_t run(const char *code) {
    struct regs regs;
    regs_fill(&regs, &seed, 0);
    regs_enter(code, &regs);
    CHECK(regs.r[RSP] == regs_sp, "rsp is off by %ld", (long)(regs.r[RSP] - regs_sp));
    return regs.r[RAX];
}
static __attribute__((noinline)) const char *where(void) { return __builtin_return_address(0); }
static __attribute__((noinline)) int within(void) {
    const char *at = where();
    return at > (const char *)within && at < (const char *)within + 200;
}
static __attribute__((noinline)) uint64_t down(int depth, uint64_t h) {
    uint64_t self = (uint64_t)__builtin_return_address(0) - (uint64_t)down;
    return depth ? mix(down(depth - 1, h), self < 4096) : mix(h, self < 4096);
}
int main(void) {
    for (int n = 0; n < 100; n++) {
        CHECK(run(ra_call) == (uint64_t)ra_next, "the callee read another return address");
        CHECK(run(ra_change) == 77, "changed return address");
        CHECK(run(ra_pc) == (uint64_t)ra_pc_at, "call to the next instruction");
        CHECK(run(ra_drop) == 78, "dropped return address");
        CHECK(run(ra_imm) == regs_sp, "ret imm");
        CHECK(run(ra_pivot) == (uint64_t)ra_pivot_next, "call on another stack");
        CHECK(run(ra_list) == 0x11111110, "a chain of returns gives %#lx", run(ra_list));
        CHECK(within(), "__builtin_return_address");
    }
    printf("%016lx\n", down(50, 1));
    return verdict();
}
