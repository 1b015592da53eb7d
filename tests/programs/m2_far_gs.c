//! far jumps and calls by pointers in gs: to 64-bit code, to 32-bit code, with bad selectors, by no pointer at all
#include "regs.h"
__asm__(".section .lblob,\"awx\",@progbits\n.balign 4096\n.globl g_blob, g_blob_end\ng_blob: ljmp *%gs:(%rbx)\n"
        ".globl g_call\ng_call: lcall *%gs:(%rbx)\n.globl g_behind\ng_behind: jmp *%r15\n"
        ".globl g_jumped\ng_jumped: jmp *%r15\n"
        ".globl g_called\ng_called: mov (%rsp), %ecx\n  mov 4(%rsp), %edx\n  lretl\n"
        // Interrupts of 32-bit code cut the stack pointer off.
        ".globl g_low\ng_low: mov %rsp, %r14\n  lea 2048(%rbx), %rsp\n  ljmp *%gs:(%rbx)\n"
        ".code32\n.globl g_compat\ng_compat: mov $0x3232, %edx\n  ljmp *%ss:(%esi)\n.code64\n"
        ".globl g_flat\ng_flat: mov $0x6464, %ecx\n  mov %r14, %rsp\n  jmp *%r15\n"
        ".globl g_other\ng_other: .byte 0x66\n  lcall *%gs:(%rbx)\n"
        ".balign 4096\ng_blob_end:\n.text\n");
extern char g_blob[], g_blob_end[], g_call[], g_behind[], g_jumped[], g_called[], g_low[], g_compat[], g_flat[], g_other[];
struct pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));
static volatile int faulted;
static volatile uint64_t fault_rip, fault_address, fault_rsp;
static void on_fault(int signal, siginfo_t *info, void *context) {
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    faulted = signal;
    fault_rip = regs[REG_RIP];
    fault_rsp = regs[REG_RSP];
    fault_address = (uint64_t)info->si_addr;
    regs[REG_RIP] = (long)regs_leave;
}
int main(void) {
    handle(SIGSEGV, on_fault, 0);
    char *low = mmap((void *)0x34670000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST((long)low);
    memcpy(low, g_blob, g_blob_end - g_blob);
    MUST(mprotect(low, 4096, PROT_READ | PROT_EXEC));
    struct pointer *pointer = (struct pointer *)(low + 4096), *back = pointer + 4;
#define AT(label) ((uint32_t)(uint64_t)low + (uint32_t)(label - g_blob))
    *back = (struct pointer){AT(g_flat), 0x33};
    uint64_t seed = 5;
    struct regs given, seen;
    for (int n = 0; n < 200; n++) {
        regs_fill(&given, &seed, regs_spread_flags(n % 128));
        given.r[RBX] = (uint64_t)pointer;
        given.r[RSI] = (uint64_t)back;
        given.r[R15] = (uint64_t)regs_leave;
        *pointer = (struct pointer){AT(g_jumped), 0x33};
        regs_unchanged("ljmp gs:", low, &given, 0);
        *pointer = (struct pointer){AT(g_called), 0x33};
        seen = given;
        regs_enter(low + (g_call - g_blob), &seen);
        CHECK(seen.r[RCX] == AT(g_behind) && seen.r[RDX] == 0x33, "lcall gs: pushed %#lx %#lx", seen.r[RCX], seen.r[RDX]);
        CHECK(seen.r[RSP] == regs_sp, "rsp is off by %ld", (long)(seen.r[RSP] - regs_sp));
        *pointer = (struct pointer){AT(g_compat), 0x23};
        seen = given;
        regs_enter(low + (g_low - g_blob), &seen);
        CHECK(seen.r[RCX] == 0x6464 && seen.r[RDX] == 0x3232, "ljmp gs: to 32-bit code");
        for (int bad = 0; bad < 4; bad++) {
            static const uint16_t selectors[] = {0x10, 0x2b, 0, 0x33};
            *pointer = (struct pointer){AT(g_jumped), selectors[bad]};
            given.r[RBX] = bad == 3 ? 0x1000 : (uint64_t)pointer;
            faulted = 0;
            seen = given;
            regs_enter(low + (bad & 1 ? g_call - g_blob : 0), &seen);
            CHECK(faulted == SIGSEGV && fault_rsp == regs_sp, "selector %#x: signal %d", selectors[bad], faulted);
            if (n == 0) printf("selector %#x: at %#lx for %#lx\n", selectors[bad], fault_rip - (uint64_t)low, fault_address);
        }
    }
    // With 16-bit offsets: nothing is mapped there.
    *pointer = (struct pointer){0x331234, 0};
    given.r[RBX] = (uint64_t)pointer;
    seen = given;
    regs_enter(low + (g_other - g_blob), &seen);
    printf("16 bits: signal %d at %#lx, rsp %ld\n", faulted, fault_rip, (long)(fault_rsp - regs_sp));
    return verdict();
}
