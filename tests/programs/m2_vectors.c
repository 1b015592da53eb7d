//! xmm, ymm, zmm, mask, x87 and control registers survive every kind of transfer, table misses included
#include <cpuid.h>
#include <immintrin.h>
#include "common.h"

#define AREA 16384
static uint8_t given[AREA] __attribute__((aligned(64))), seen[AREA] __attribute__((aligned(64)));
// x87, SSE, AVX and the three of AVX-512, as far as the machine has them; not PKRU and later ones.
static uint64_t components;

__asm__(".data\n.balign 8\nv_sp: .quad 0\nv_code: .quad 0\n.globl v_target\nv_target: .quad 0\n.text\n"
        ".globl v_enter\nv_enter:\n"
        "  push %rbx\n  push %rbp\n"
        "  mov %rdi, v_code(%rip)\n  mov %rdx, %rbx\n  mov %rcx, %rbp\n"
        "  mov %ecx, %eax\n  mov %rcx, %rdx\n  shr $32, %rdx\n"
        "  mov %rsi, %rdi\n  xrstor64 (%rdi)\n"
        "  jmp *v_code(%rip)\n"
        ".globl v_leave\nv_leave:\n"
        "  mov %ebp, %eax\n  mov %rbp, %rdx\n  shr $32, %rdx\n"
        "  xsave64 (%rbx)\n"
        "  fninit\n  pop %rbp\n  pop %rbx\n  ret\n"
        "w_direct: jmp 1f\n1: call w_ret\n  test %eax, %eax\n  jz 2f\n  jmp v_leave\n2: jmp v_leave\n"
        "w_ret: ret\n"
        "w_jmp: jmp *v_target(%rip)\n"
        "w_call: call *v_target(%rip)\n  jmp v_leave\n"
        "w_push: pushq v_target(%rip)\n  ret\n"
        "w_loop: mov $50, %ecx\n1: call *v_target(%rip)\n  loop 1b\n  jmp v_leave\n"
        "w_syscall: mov $39, %eax\n  syscall\n  mov $39, %eax\n  syscall\n  jmp v_leave\n"
        ".balign 16\n.globl w_jumps\nw_jumps:\n.rept 200\n.balign 16\njmp 7f\n.endr\n7: jmp v_leave\n"
        ".balign 16\n.globl w_calls\nw_calls:\n.rept 200\n.balign 16\nret\n.endr\n");
extern void v_enter(const void *code, const void *from, void *to, uint64_t components);
extern uint64_t v_target;
extern char w_direct[], w_jmp[], w_call[], w_push[], w_loop[], w_syscall[], w_jumps[], w_calls[];

static unsigned offset_of(int component, unsigned *bytes) {
    unsigned a, b, c, d;
    __cpuid_count(0xd, component, a, b, c, d);
    *bytes = a;
    return b;
}

static void fill(uint64_t *seed) {
    memset(given, 0, sizeof given);
    for (int i = 32; i < 512 - 96; i++) given[i] = next_random(seed);
    static const uint16_t controls[4] = {0x037f, 0x0b7f, 0x0e7f, 0x007f};
    static const uint32_t mxcsr[4] = {0x1f80, 0x7fbf, 0x9fc0, 0xbf95};
    int which = next_random(seed) & 3;
    *(uint16_t *)given = controls[which];
    *(uint16_t *)(given + 2) = (next_random(seed) & 7) << 11 | (next_random(seed) & 0x4700);
    given[4] = next_random(seed);
    *(uint32_t *)(given + 24) = mxcsr[which];
    *(uint32_t *)(given + 28) = 0xffff;
    for (int i = 0; i < 8; i++) memset(given + 32 + 16 * i + 10, 0, 6);
    for (int component = 2; component < 8; component++) {
        if (!(components >> component & 1)) continue;
        unsigned bytes, at = offset_of(component, &bytes);
        for (unsigned i = 0; i < bytes; i++) given[at + i] = next_random(seed);
    }
    *(uint64_t *)(given + 512) = components;
}

static void clear(void) {
    memset(seen, 0, sizeof seen);
}

static void check(const char *name) {
    CHECK(!memcmp(given, seen, 6), "%s: x87 control, status or tags differ", name);
    CHECK(!memcmp(given + 24, seen + 24, 4), "%s: MXCSR %#x, not %#x", name, *(int *)(seen + 24), *(int *)(given + 24));
    CHECK(!memcmp(given + 32, seen + 32, 128), "%s: x87 registers differ", name);
    for (int i = 0; i < 16; i++) CHECK(!memcmp(given + 160 + 16 * i, seen + 160 + 16 * i, 16), "%s: xmm%d differs", name, i);
    for (int component = 2; component < 8; component++) {
        if (!(components >> component & 1)) continue;
        unsigned bytes, at = offset_of(component, &bytes);
        for (unsigned i = 0; i < bytes; i++)
            if (given[at + i] != seen[at + i]) {
                FAIL("%s: component %d differs at byte %u", name, component, i);
                break;
            }
    }
}

static void run(const char *name, const char *code, const char *target, uint64_t *seed) {
    fill(seed);
    clear();
    v_target = (uint64_t)target;
    v_enter(code, given, seen, components);
    check(name);
}

__attribute__((target("xsave"))) int main(void) {
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    if (!(c & bit_OSXSAVE)) { printf("no XSAVE on this machine\nPASS\n"); return 0; }
    components = _xgetbv(0) & 0xe7;
    uint64_t seed = 4242;
    for (int n = 0; n < 500; n++) {
        run("direct", w_direct, 0, &seed);
        run("jmp", w_jmp, w_jumps + 16 * (n % 200), &seed);
        run("call", w_call, w_calls + 16 * (n % 200), &seed);
        run("push ret", w_push, w_jumps + 16 * (n * 7 % 200), &seed);
        run("loop", w_loop, w_calls + 16 * (n * 3 % 200), &seed);
        run("syscall", w_syscall, 0, &seed);
    }
    printf("components %#lx\n", components);
    return verdict();
}
