//! pushf, popf, lahf and sahf move every flag that user code may move: AC, ID, NT and DF too
#include "regs.h"
__asm__(".text\np_set: push %rbx\n  popfq\n  pushfq\n  pop %rcx\n  push %rdx\n  popfq\n  jmp regs_leave\n"
        "p_set16: push %bx\n  popfw\n  pushfw\n  movzwl (%rsp), %ecx\n  lea 2(%rsp), %rsp\n  push %rdx\n  popfq\n  jmp regs_leave\n"
        "p_lahf: mov %bl, %ah\n  sahf\n  mov $0, %ecx\n  seto %cl\n  lahf\n  jmp regs_leave\n"
        "p_ops: stc\n  cmc\n  cmc\n  jnc 1f\n  std\n  pushfq\n  pop %rcx\n  cld\n  jmp regs_leave\n1: ud2\n");
extern char p_set[], p_set16[], p_lahf[], p_ops[];
int main(void) {
    uint64_t seed = 2, hash = 0;
    static const uint64_t bits[] = {0, 1 << 2, 1 << 4, 1 << 6, 1 << 7, 1 << 10, 1 << 11, 1 << 14, 1 << 21, 3 << 12, 1 << 9, 1 << 16, 1 << 17, 1 << 19};
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++)
        for (unsigned j = 0; j < sizeof bits / sizeof *bits; j++) {
            struct regs regs;
            regs_fill(&regs, &seed, 0);
            regs.r[RBX] = bits[i] | bits[j];
            regs.r[RDX] = 0x202;
            regs_enter(p_set, &regs);
            if (j == 0) printf("popf %#lx gives %#lx\n", bits[i], regs.r[RCX]);
            hash = mix(hash, regs.r[RCX]);
            regs.r[RBX] = (bits[i] | bits[j]) & 0xffff;
            regs.r[RDX] = 0x202;
            regs_enter(p_set16, &regs);
            hash = mix(hash, regs.r[RCX]);
            regs.r[RBX] = bits[i] | bits[j];
            regs_enter(p_lahf, &regs);
            hash = mix(mix(hash, regs.r[RAX] >> 8 & 0xff), regs.r[RCX]);
            regs_enter(p_ops, &regs);
            hash = mix(hash, regs.r[RCX]);
        }
    printf("%016lx\n", hash);
    return verdict();
}
