//! near branches with the prefix 66h, which Intel's processors ignore and AMD's heed: taken and not taken, with faults
#include "regs.h"
// Both lengths of the instructions lead on to a jump out.
#define CODE(X) \
    X(jz, "0x66, 0x74, 2", "nop\n nop\n") X(jnz, "0x66, 0x75, 2", "nop\n nop\n") X(jo, "0x66, 0x70, 0", "") \
    X(jc_wide, "0x66, 0x0f, 0x82, 0, 0, 0, 0", "nop\n nop\n") X(jns_wide, "0x66, 0x0f, 0x89, 0, 0, 0, 0", "nop\n nop\n") \
    X(jmp, "0x66, 0xeb, 0", "") X(jmp_wide, "0x66, 0xe9, 0, 0, 0, 0", "nop\n nop\n") X(call, "0x66, 0xe8, 0, 0, 0, 0", "nop\n nop\n") \
    X(jmp_rax, "0x66, 0xff, 0xe0", "") X(call_rax, "0x66, 0xff, 0xd0", "") X(ret, "0x66, 0xc3", "") X(ret_8, "0x66, 0xc2, 8, 0", "") \
    X(loop, "0x66, 0xe2, 0", "") X(loope, "0x66, 0xe1, 0", "") X(loopne, "0x66, 0xe0, 0", "") X(jrcxz, "0x66, 0xe3, 0", "")
#define ASM(name, bytes, behind) "n_" #name ": .byte " bytes "\n" behind "jmp regs_leave\n"
#define DECLARE(name, bytes, behind) extern char n_##name[];
#define ENTRY(name, bytes, behind) {#name, n_##name},
__asm__(".text\n.balign 64\n" CODE(ASM));
CODE(DECLARE)
static const struct {
    const char *name, *code;
} all[] = {CODE(ENTRY)};
static volatile int faulted;
static volatile uint64_t fault_rip, fault_rsp, fault_rcx;
static void on_fault(int signal, siginfo_t *info, void *context) {
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    faulted = signal;
    fault_rip = regs[REG_RIP];
    fault_rsp = regs[REG_RSP];
    fault_rcx = regs[REG_RCX];
    regs[REG_RIP] = (long)regs_leave;
}
int main(void) {
    handle(SIGSEGV, on_fault, 0);
    handle(SIGILL, on_fault, 0);
    uint64_t seed = 9;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t hash = 0;
        int faults = 0;
        for (unsigned n = 0; n < 128; n++) {
            struct regs given, seen;
            regs_fill(&given, &seed, regs_spread_flags(n));
            given.r[RAX] = (uint64_t)regs_leave;
            given.r[RCX] = n % 3;
            seen = given;
            faulted = 0;
            // What is at the stack pointer: two words that are no address.
            regs_enter(all[i].code, &seen);
            faults += faulted != 0;
            // Addresses differ from run to run; what is left of them after 16 bits are cut off need not.
            hash = mix(hash, faulted ? fault_rsp - regs_sp : seen.r[RSP] - regs_sp);
            hash = mix(hash, faulted ? (fault_rip >> 16 == 0) : 2);
            hash = mix(hash, faulted ? fault_rcx : seen.r[RCX]);
            for (int r = 0; r < 16; r++)
                CHECK(r == RCX || r == RSP || seen.r[r] == given.r[r], "%s: %s", all[i].name, regs_names[r]);
            // Where they are about to be overwritten, a counter may have changed them.
            CHECK(faulted || (seen.flags & TESTED_FLAGS) == (given.flags & TESTED_FLAGS), "%s: flags", all[i].name);
        }
        printf("%s: %d faults, %016lx\n", all[i].name, faults, hash);
    }
    return verdict();
}
