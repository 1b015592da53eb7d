//! a debugger inside the program: int3 written into code, the trap handled, the byte restored, one step by TF, the int3 written again
#include "jit.h"
static uint8_t *page;
static struct { uint8_t *at, byte; int hits; } points[8];
static int count, stepping = -1, steps, strange;
static void on_trap(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (stepping >= 0) {
        *points[stepping].at = 0xcc;
        stepping = -1;
        steps++;
        r[REG_EFL] &= ~0x100ll;
        return;
    }
    for (int n = 0; n < count; n++) {
        if (points[n].at != (uint8_t *)r[REG_RIP] - 1) continue;
        points[n].hits++;
        *points[n].at = points[n].byte;
        r[REG_RIP]--;
        r[REG_EFL] |= 0x100;
        stepping = n;
        return;
    }
    strange++;
    r[REG_EFL] &= ~0x100ll;
}
static void set(uint8_t *at) {
    points[count].at = at;
    points[count].byte = *at;
    points[count++].hits = 0;
    *at = 0xcc;
}
int main(void) {
    page = jit_pages(1, RWX);
    handle(SIGTRAP, on_trap, 0);
    // mov rax, rdi; mov ecx, 10; 1: add rax, 3; dec ecx; jnz 1b; call 2f; ret; 2: lea rax, [rax + rax]; ret
    static const uint8_t code[] = {0x48, 0x89, 0xf8, 0xb9, 10, 0, 0, 0, 0x48, 0x83, 0xc0, 0x03, 0xff, 0xc9, 0x75, 0xf8, 0xe8, 1, 0, 0, 0, 0xc3, 0x48, 0x8d, 0x04, 0x00, 0xc3};
    for (int round = 0; round < 20; round++) {
        count = steps = 0;
        memcpy(page, code, sizeof code);
        for (uint64_t x = 0; x < 20; x++) CHECK(((code_fn)page)(x) == 2 * (x + 30), "without breakpoints");
        set(page);
        set(page + 8);
        set(page + 14);
        set(page + 16);
        set(page + 22);
        set(page + 26);
        for (uint64_t x = 0; x < 10; x++) CHECK(((code_fn)page)(x) == 2 * (x + 30), "with breakpoints");
        CHECK(points[0].hits == 10 && points[1].hits == 100 && points[2].hits == 100 && points[3].hits == 10 && points[4].hits == 10 && points[5].hits == 10, "hits %d %d %d %d %d %d",
              points[0].hits, points[1].hits, points[2].hits, points[3].hits, points[4].hits, points[5].hits);
        CHECK(steps == 240 && !strange, "%d steps, %d strange traps", steps, strange);
        for (int n = 0; n < count; n++) *points[n].at = points[n].byte;
        for (uint64_t x = 0; x < 20; x++) CHECK(((code_fn)page)(x) == 2 * (x + 30), "breakpoints removed");
    }
    return verdict();
}
