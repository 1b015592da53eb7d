//! the red zone, and everything below it, is the program's: no transfer, miss or system call writes there
#include "regs.h"
#define BELOW 8192
__asm__(".data\n.balign 8\n.globl zslot\nzslot: .quad 0\n.text\n"
        "z_jmp: jmp *zslot(%rip)\n"
        "z_jcc: jc 1f\n  jz 2f\n  js 3f\n  jmp regs_leave\n1: jmp regs_leave\n2: jmp regs_leave\n3: jmp regs_leave\n"
        "z_syscall: mov $39, %eax\n  syscall\n  jmp regs_leave\n"
        "z_loop: mov $100, %ecx\n1: jmp *zslot2(%rip)\n2: loop 1b\n  jmp regs_leave\n"
        ".data\nzslot2: .quad 2b\n.text\n"
        ".balign 16\n.globl z_targets\nz_targets:\n.rept 256\n.balign 16\njmp 7f\n.endr\n7: jmp regs_leave\n");
extern uint64_t zslot;
extern char z_jmp[], z_jcc[], z_syscall[], z_loop[], z_targets[];

// Enters on a stack of our own whose bytes below rsp are known before and checked after. regs_enter itself
// pushes flags at its entry and exit, so the first word below rsp is its own and starts the checked part.
static uint8_t *stack;
__asm__(".text\n.globl on_stack\non_stack:\n  push %rbp\n  mov %rsp, %rbp\n  mov %rdx, %rsp\n  call regs_enter\n"
        "  mov %rbp, %rsp\n  pop %rbp\n  ret\n");
extern void on_stack(const void *code, struct regs *regs, void *sp);

static uint64_t seed = 5;
static void run(const char *name, const char *code) {
    struct regs given;
    regs_fill(&given, &seed, regs_spread_flags(next_random(&seed) & 127));
    uint8_t *sp = stack + BELOW + 256, *first = sp - 8 - 7 * 8 - 8;
    uint8_t fill = next_random(&seed);
    memset(stack, fill, first - stack);
    on_stack(code, &given, sp);
    for (uint8_t *at = stack; at < first; at++)
        if (*at != fill) {
            FAIL("%s: byte %ld below rsp was written", name, (long)(first - at) + 8);
            return;
        }
}

int main(void) {
    stack = mmap(NULL, BELOW + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int n = 0; n < 1000; n++) {
        zslot = (uint64_t)z_targets + 16 * (n % 256);
        run("jmp", z_jmp);
        run("jcc", z_jcc);
        run("syscall", z_syscall);
        if (n < 50) run("loop", z_loop);
    }
    return verdict();
}
