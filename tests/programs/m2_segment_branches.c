//! indirect calls and jumps through fs: and gs: operands, and data behind both
#include <asm/prctl.h>
#include "regs.h"
__asm__(".text\ng_call: call *%fs:(%rbx)\n  jmp regs_leave\n"
        "g_jmp: jmp *%fs:8(%rbx,%rcx,8)\n"
        "g_gs_call: call *%gs:(%rbx)\n  jmp regs_leave\n"
        "g_gs_jmp: jmp *%gs:0x10\n"
        "g_gs_data: mov %gs:0x20, %rax\n  addq $1, %gs:0x28\n  movabs %gs:0x30, %rax\n  jmp regs_leave\n"
        ".balign 16\n.globl g_calls\ng_calls:\n.rept 64\n.balign 16\nret\n.endr\n"
        ".balign 16\n.globl g_jumps\ng_jumps:\n.rept 64\n.balign 16\njmp regs_leave\n.endr\n");
extern char g_call[], g_jmp[], g_gs_call[], g_gs_jmp[], g_gs_data[], g_calls[], g_jumps[];
static __thread uint64_t word[2] = {1, 2};
static uint64_t gs_words[16];
int main(int argc, char **argv) {
    uint64_t fs = 0, seed = 17;
    struct regs given, seen;
    MUST(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
    for (int n = 0; n < 300; n++) {
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        given.r[RBX] = (uint64_t)&word[0] - fs;
        word[0] = (uint64_t)g_calls + 16 * (n % 64);
        regs_unchanged("call fs:", g_call, &given, 0);
        given.r[RCX] = 5;
        given.r[RBX] -= 5 * 8;
        word[1] = (uint64_t)g_jumps + 16 * (n % 64);
        regs_unchanged("jmp fs:", g_jmp, &given, 0);
    }
    CHECK(((uint64_t *)fs)[0] == fs, "the thread pointer points to itself");
    if (argc > 1) {
        MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_words));
        for (int n = 0; n < 300; n++) {
            regs_fill(&given, &seed, regs_spread_flags(n % 128));
            gs_words[1] = (uint64_t)g_calls + 16 * (n % 64);
            gs_words[2] = (uint64_t)g_jumps + 16 * (n % 64);
            gs_words[4] = n;
            gs_words[6] = n * 3;
            given.r[RBX] = 8;
            regs_unchanged("call gs:", g_gs_call, &given, 0);
            regs_unchanged("jmp gs:", g_gs_jmp, &given, 0);
            seen = given;
            regs_enter(g_gs_data, &seen);
            CHECK(seen.r[RAX] == (uint64_t)n * 3, "gs load");
        }
        CHECK(gs_words[5] == 300, "gs add: %ld", gs_words[5]);
        uint64_t gs = 0;
        MUST(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
        CHECK(gs == (uint64_t)gs_words, "ARCH_GET_GS");
    }
    return verdict();
}
