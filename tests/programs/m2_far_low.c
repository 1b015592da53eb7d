//! far jumps and calls through 32-bit pointers, with code in the low four gigabytes
#include "regs.h"
__asm__(".section .lblob,\"awx\",@progbits\n.balign 4096\n.globl lblob, lblob_end\nlblob:\n"
        "  ljmp *(%rbx)\n.globl l_call\nl_call: lcall *(%rbx)\n.globl l_back\nl_back: jmp *%r15\n"
        ".globl l_target\nl_target: jmp *%r15\n.globl l_function\nl_function: mov (%rsp), %ecx\n  mov 4(%rsp), %edx\n  lretl\n"
        ".balign 4096\nlblob_end:\n.text\n");
extern char lblob[], lblob_end[], l_call[], l_back[], l_target[], l_function[];
int main(void) {
    char *low = mmap((void *)0x34560000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST((long)low);
    memcpy(low, lblob, lblob_end - lblob);
    MUST(mprotect(low, 4096, PROT_READ | PROT_EXEC));
    struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) pointer = {0, 0x33};
    uint64_t seed = 5;
    for (int n = 0; n < 200; n++) {
        struct regs given, seen;
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        given.r[RBX] = (uint64_t)&pointer;
        given.r[R15] = (uint64_t)regs_leave;
        pointer.offset = (uint32_t)(uint64_t)low + (l_target - lblob);
        regs_unchanged("ljmp", low, &given, 0);
        pointer.offset = (uint32_t)(uint64_t)low + (l_function - lblob);
        seen = given;
        regs_enter(low + (l_call - lblob), &seen);
        CHECK(seen.r[RCX] == (uint64_t)low + (l_back - lblob), "lcall pushed %#lx", seen.r[RCX]);
        CHECK(seen.r[RDX] == 0x33, "lcall pushed selector %#lx", seen.r[RDX]);
        CHECK(seen.r[RSP] == regs_sp, "lret: rsp is off by %ld", (long)(seen.r[RSP] - regs_sp));
    }
    return verdict();
}
