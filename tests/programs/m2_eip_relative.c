//! eip-relative memory operands (67h) reach the address cut to 32 bits
#include "regs.h"
__asm__(".section .eblob,\"awx\",@progbits\n.balign 4096\n.globl eblob, eblob_data, eblob_end, eblob_leave\neblob:\n"
        "  mov eblob_data(%eip), %rax\n  addl $0x1000, eblob_data+8(%eip)\n  mov %rcx, eblob_data+16(%eip)\n"
        "  xchg %rdx, eblob_data+24(%eip)\n  pushq eblob_data(%eip)\n  popq eblob_data+32(%eip)\n  lea eblob_data(%eip), %rbx\n"
        "  jmp *eblob_leave(%eip)\n.balign 4096\neblob_data: .skip 256\neblob_leave: .quad 0\n.balign 4096\neblob_end:\n.text\n");
extern char eblob[], eblob_data[], eblob_end[], eblob_leave[];
int main(void) {
    size_t bytes = eblob_end - eblob, data = eblob_data - eblob;
    // Low: the address is whole. High: only its low half counts, and the data lies there.
    for (int high = 0; high < 2; high++) {
        char *low = mmap((void *)0x23450000, bytes, 7 & ~4, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        char *code = low;
        MUST((long)low);
        memcpy(low, eblob, bytes);
        *(char **)(low + (eblob_leave - eblob)) = regs_leave;
        if (high) {
            code = mmap((char *)0x500000000000 + (uint64_t)low, data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            MUST((long)code);
            memcpy(code, eblob, data);
            MUST(mprotect(code, data, PROT_READ | PROT_EXEC));
        } else {
            MUST(mprotect(low, data, PROT_READ | PROT_EXEC));
        }
        struct regs regs;
        uint64_t seed = 3, *words = (uint64_t *)(low + data);
        for (int n = 0; n < 100; n++) {
            for (int i = 0; i < 8; i++) words[i] = next_random(&seed);
            uint64_t w0 = words[0], w1 = words[1], w3 = words[3];
            regs_fill(&regs, &seed, 0);
            struct regs given = regs;
            regs_enter(code, &regs);
            CHECK(regs.r[RAX] == w0, "load");
            CHECK((uint32_t)words[1] == (uint32_t)w1 + 0x1000, "add");
            CHECK(words[2] == given.r[RCX], "store");
            CHECK(words[3] == given.r[RDX] && regs.r[RDX] == w3, "xchg");
            CHECK(words[4] == w0, "push and pop");
            CHECK(regs.r[RBX] == (uint32_t)(uint64_t)words, "lea");
        }
        munmap(low, bytes);
    }
    return verdict();
}
