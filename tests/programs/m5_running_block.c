//! a block changes the instructions that follow in itself, and a loop changes its own body
#include "regs.h"
__asm__(".section .smc,\"awx\",@progbits\n.balign 4096\n.globl smc, smc_ahead, smc_loop, smc_far, smc_back, smc_jump, smc_end, smc_leave\n"
        "smc:\n"
        // The immediate of the very next instruction.
        "smc_ahead: movl %edi, 1f+1(%rip)\n1: mov $0x11111111, %eax\n  jmp *smc_leave(%rip)\n"
        // Each turn changes what the next turn adds.
        "smc_loop: mov $100, %ecx\n  xor %eax, %eax\n2: add $1, %eax\n  .byte 0x81, 0xc0\n3: .long 0\n  incl 3b(%rip)\n  dec %ecx\n  jnz 2b\n  mov 3b(%rip), %edx\n  movl $0, 3b(%rip)\n  jmp *smc_leave(%rip)\n"
        // Some instructions ahead in the same block, by rep stosb.
        "smc_far: mov $0x90, %al\n  lea 4f(%rip), %rdi\n  mov $7, %ecx\n  rep stosb\n  xor %eax, %eax\n  nop\n  nop\n4: mov $0x22222222, %eax\n  nop\n  nop\n  jmp *smc_leave(%rip)\n"
        // The block it came from, already run and linked.
        "smc_back: mov $2, %ecx\n5: mov $0x33333333, %eax\n  jmp 6f\n6: movl %edi, 5b+1(%rip)\n  dec %ecx\n  jnz 5b\n  jmp *smc_leave(%rip)\n"
        // The displacement of a jump that was taken before.
        "smc_jump: xor %eax, %eax\n  mov $2, %ecx\n7: jmp 8f\n8: add $1, %eax\n  movb $(9f - 8b), 7b+1(%rip)\n  dec %ecx\n  jnz 7b\n9: add $0x100, %eax\n  movb $0, 7b+1(%rip)\n  jmp *smc_leave(%rip)\n"
        ".balign 8\nsmc_leave: .quad 0\n.balign 4096\nsmc_end:\n.text\n");
extern char smc[], smc_ahead[], smc_loop[], smc_far[], smc_back[], smc_jump[], smc_end[], smc_leave[];
int main(void) {
    MUST(mprotect(smc, smc_end - smc, PROT_READ | PROT_WRITE | PROT_EXEC));
    *(char **)smc_leave = regs_leave;
    uint64_t seed = 9;
    for (int n = 0; n < 300; n++) {
        struct regs regs;
        static const uint8_t mov[] = {0xb8, 0x22, 0x22, 0x22, 0x22};
        uint32_t value = next_random(&seed);
        regs_fill(&regs, &seed, 0);
        regs.r[RDI] = value;
        regs_enter(smc_ahead, &regs);
        CHECK(regs.r[RAX] == value, "ahead: %#lx, not %#x", regs.r[RAX], value);
        regs_enter(smc_loop, &regs);
        CHECK(regs.r[RAX] == 100 + 99 * 100 / 2 && regs.r[RDX] == 100, "loop: %ld %ld", regs.r[RAX], regs.r[RDX]);
        memcpy(memmem(smc_far, 64, "\xf3\xaa", 2) + 6, mov, 5);
        regs_enter(smc_far, &regs);
        CHECK((uint32_t)regs.r[RAX] == 0, "far: %#lx", regs.r[RAX]);
        regs.r[RDI] = value ^ 0x5555;
        regs_enter(smc_back, &regs);
        CHECK((uint32_t)regs.r[RAX] == (value ^ 0x5555), "back: %#lx", regs.r[RAX]);
        regs_enter(smc_jump, &regs);
        CHECK((uint32_t)regs.r[RAX] == 0x101, "jump: %#lx", regs.r[RAX]);
    }
    return verdict();
}
