//! with a stack pointer that points nowhere, jumps, branches, table misses and system calls still work
#include "regs.h"
__asm__(".data\n.balign 8\n.globl nslot, keep_sp, bad_sp\nnslot: .quad 0\nkeep_sp: .quad 0\nbad_sp: .quad 0\n.text\n"
        "n_all: mov %rsp, keep_sp(%rip)\n  mov bad_sp(%rip), %rsp\n"
        "  jmp *nslot(%rip)\n"
        ".globl n_targets\n.balign 16\nn_targets:\n.rept 200\n.balign 16\njmp 7f\n.endr\n"
        "7: jc 1f\n  jmp 2f\n1: jmp 2f\n2: mov $20, %ecx\n3: loop 3b\n"
        "  lea 4f(%rip), %rax\n  jmp *%rax\n4: mov $39, %eax\n  syscall\n"
        "  mov $228, %eax\n  xor %edi, %edi\n  lea nspec(%rip), %rsi\n  syscall\n"
        "  cmp bad_sp(%rip), %rsp\n  jne 5f\n  mov $1, %ebx\n  jmp 6f\n5: mov $2, %ebx\n"
        "6: mov keep_sp(%rip), %rsp\n  jmp regs_leave\n"
        ".data\nnspec: .quad 0, 0\n");
extern uint64_t nslot, bad_sp;
extern char n_all[], n_targets[];
int main(void) {
    static const uint64_t places[] = {0, 8, 0x1000, 0xdeadbeef, 0x123456789abcdef0, ~0ull, 0x7fffffffffff, 0xffff800000000000, 1};
    uint64_t seed = 7;
    for (int n = 0; n < 2000; n++) {
        struct regs given;
        regs_fill(&given, &seed, regs_spread_flags(n % 128) & ~0x400ul);
        nslot = (uint64_t)n_targets + 16 * (n % 200);
        bad_sp = places[n % 9];
        regs_enter(n_all, &given);
        CHECK(given.r[RBX] == 1, "rsp was %#lx and changed", bad_sp);
    }
    return verdict();
}
