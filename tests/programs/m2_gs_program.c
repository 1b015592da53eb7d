//! fs is the program's own: calls and jumps behind it; the base of gs is 0, and can be set to that
#include <asm/prctl.h>
#include <sys/auxv.h>
#include "regs.h"
__asm__(".text\ng_call: call *%fs:(%rbx)\n  jmp regs_leave\n"
        "g_jmp: jmp *%fs:8(%rbx,%rcx,8)\n"
        "g_gs_call: call *%gs:(%rbx)\n  jmp regs_leave\n"
        "g_gs_data: mov %gs:0x20(%rbx), %rax\n  addq $1, %gs:0x28(%rbx)\n  jmp regs_leave\n"
        "g_gs_first: mov %gs:0, %rax\n  jmp regs_leave\n"
        "g_gs_null: mov $0, %eax\n  mov %eax, %gs\n  pushq $0\n  popq %gs\n  jmp regs_leave\n"
        "g_gs_base: rdgsbase %rax\n  rdgsbase %ecx\n  wrgsbase %rdx\n  jmp regs_leave\n"
        ".balign 16\n.globl g_calls\ng_calls:\n.rept 64\n.balign 16\nret\n.endr\n"
        ".balign 16\n.globl g_jumps\ng_jumps:\n.rept 64\n.balign 16\njmp regs_leave\n.endr\n");
extern char g_call[], g_jmp[], g_gs_call[], g_gs_data[], g_gs_first[], g_gs_null[], g_gs_base[], g_calls[], g_jumps[];
static __thread uint64_t word[2] = {1, 2};
static uint64_t gs_words[16];
static uint64_t fault = 1;
static int faults;
static void on_fault(int signal, siginfo_t *info, void *context) {
    fault = (uint64_t)info->si_addr;
    faults++;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (long)regs_leave;
}
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
    uint64_t gs = 1;
    for (int n = 0; n < 300; n++) {
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        gs_words[1] = (uint64_t)g_calls + 16 * (n % 64);
        gs_words[4] = n;
        given.r[RBX] = (uint64_t)&gs_words[1];
        regs_unchanged("call gs:", g_gs_call, &given, 0);
        given.r[RBX] = (uint64_t)gs_words;
        seen = given;
        regs_enter(g_gs_data, &seen);
        CHECK(seen.r[RAX] == (uint64_t)n, "gs load");
        MUST(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
        CHECK(gs == 0, "ARCH_GET_GS");
    }
    CHECK(gs_words[5] == 300, "gs add: %ld", gs_words[5]);
    // Slots of an engine's own that gs might lead to: nothing is there.
    handle(SIGSEGV, on_fault, 0);
    regs_enter(g_gs_first, &given);
    CHECK(fault == 0 && faults == 1, "address %#lx", fault);
    MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, 0));
    regs_unchanged("mov gs", g_gs_null, &given, 1 << RAX);
    if (getauxval(AT_HWCAP2) & 2) {
        given.r[RDX] = 0;
        seen = given;
        regs_enter(g_gs_base, &seen);
        CHECK(seen.r[RAX] == 0 && seen.r[RCX] == 0, "rdgsbase");
    }
    if (argc > 1) {
        // Programs that want it for themselves.
        if (*argv[1] == 'i') __asm__ volatile("wrgsbase %0" :: "r"(gs_words));
        else MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_words));
        uint64_t word;
        __asm__ volatile("mov %%gs:0x20, %0" : "=r"(word));
        printf("%ld\n", word);
    }
    return verdict();
}
