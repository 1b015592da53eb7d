//! an instruction that runs into an unreadable page faults there, only when it is reached, and goes on once the page is there
#include <setjmp.h>
#include "common.h"
static sigjmp_buf back;
static char *base;
static long fault_address, fault_rip;
static int fault_signal, fault_code, heal;
static int call(char *code);
static void on_fault(int signal, siginfo_t *info, void *context) {
    fault_signal = signal;
    fault_code = info->si_code;
    fault_address = (char *)info->si_addr - base;
    char *rip = (char *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    // Some processors fault at the jump, others at its target.
    fault_rip = rip >= (char *)call && rip < (char *)call + 256 ? -1 : rip - base;
    if (heal) {
        heal = 0;
        static const uint8_t rest[] = {0x44, 0x33, 0x22, 0x11, 0xc3};
        MUST(mprotect(base + 4096, 4096, PROT_READ | PROT_WRITE));
        memcpy(base + 4096, rest, sizeof rest);
        MUST(mprotect(base + 4096, 4096, PROT_READ | PROT_EXEC));
        return;
    }
    siglongjmp(back, 1);
}
static __attribute__((noinline)) int call(char *code) {
    int result = -1;
    fault_signal = 0;
    if (!sigsetjmp(back, 1)) result = ((int (*)(void))code)();
    return result;
}
static void fresh(int protection) {
    MUST((long)mmap(base, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    memset(base, 0x90, 8192);
    MUST(mprotect(base + 4096, 4096, protection));
}
static void seal(void) { MUST(mprotect(base, 4096, PROT_READ | PROT_EXEC)); }
static void show(const char *what, int result) {
    printf("%s: result %#x signal %d code %d address +%ld rip +%ld\n", what, result, fault_signal, fault_code, fault_address, fault_rip);
    fault_address = fault_rip = fault_code = 0;
}
int main(void) {
    base = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, on_fault, 0);
    handle(SIGBUS, on_fault, 0);
    for (int missing = 1; missing <= 4; missing++) {
        // mov eax, 0x11223344 whose last bytes lie behind the edge
        fresh(PROT_NONE);
        uint8_t *at = (uint8_t *)base + 4096 - (5 - missing);
        static const uint8_t mov[] = {0xb8, 0x44, 0x33, 0x22, 0x11};
        memcpy(at, mov, 5 - missing);
        seal();
        show("runs into the page", call((char *)at));
        show("falls into the page", call(base + 4000));
    }
    // Reached only sometimes: a conditional return before the edge.
    fresh(PROT_NONE);
    static const uint8_t maybe[] = {0x85, 0xff, 0xb8, 7, 0, 0, 0, 0x74, 1, 0xc3, 0x48};
    memcpy(base + 4096 - sizeof maybe, maybe, sizeof maybe);
    seal();
    for (int n = 0; n < 20; n++) {
        int result = -1;
        fault_signal = 0;
        if (!sigsetjmp(back, 1)) result = ((int (*)(int))(base + 4096 - sizeof maybe))(n % 4);
        if (n < 8) show("sometimes", result);
    }
    // The handler supplies the page.
    fresh(PROT_NONE);
    static const uint8_t half[] = {0xb8};
    memcpy(base + 4095, half, 1);
    seal();
    heal = 1;
    show("healed", call(base + 4095));
    // Whole pages: unmapped, not executable, beyond a file's end.
    fresh(PROT_READ | PROT_WRITE);
    seal();
    show("not executable", call(base + 4096));
    show("falls into data", call(base + 4090));
    munmap(base + 4096, 4096);
    show("unmapped", call(base + 4096));
    show("falls into nothing", call(base + 4094));
    int file = memfd_create("short", 0);
    MUST(ftruncate(file, 0));
    MUST((long)mmap(base + 4096, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0));
    show("beyond the end of the file", call(base + 4096));
    base = NULL;
    show("address 0", call(NULL));
    show("address 0x10", call((char *)0x10));
    show("kernel half", call((char *)0xffffffff80000000));
    show("non-canonical", call((char *)0x8000000000000000));
    show("last page of user space", call((char *)0x7ffffffff000));
    return verdict();
}
