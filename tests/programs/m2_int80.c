//! int 0x80 from 64-bit code makes 32-bit system calls
#include "regs.h"
__asm__(".text\ni_80: int $0x80\n  jmp regs_leave\n");
extern char i_80[];
int main(void) {
    uint64_t seed = 3;
    for (unsigned n = 0; n < 128; n++) {
        struct regs given, seen;
        regs_fill(&given, &seed, regs_spread_flags(n));
        given.r[RAX] = 20; // getpid
        seen = given;
        regs_enter(i_80, &seen);
        CHECK(seen.r[RAX] == (uint64_t)getpid(), "getpid gives %ld", seen.r[RAX]);
        for (int i = 1; i < 16; i++)
            CHECK(i == RSP || seen.r[i] == given.r[i], "%s is %#lx, not %#lx", regs_names[i], seen.r[i], given.r[i]);
        CHECK((seen.flags & TESTED_FLAGS) == (given.flags & TESTED_FLAGS), "flags");
    }
    char *low = mmap((void *)0x11110000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    strcpy(low, "written by a 32-bit call\n");
    fflush(stdout);
    struct regs write = {{0}};
    write.flags = 0x202;
    write.r[RAX] = 4;
    write.r[RBX] = 1;
    write.r[RCX] = (uint64_t)low;
    write.r[RDX] = strlen(low);
    regs_enter(i_80, &write);
    printf("%ld bytes\n", write.r[RAX]);
    return verdict();
}
