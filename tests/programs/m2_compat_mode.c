//! a far return to 32-bit code in this 64-bit program, and back, with a timer firing
#include <sys/time.h>
#include "common.h"
// int blob(char *base, int n), copied to base below 4 GiB; words at base + 0x1000, a stack below base + 0xff00.
__asm__(".text\n.globl c_blob, c_end\nc_blob: push %rbx\n  push %rbp\n  mov %rsp, 0x1000(%rdi)\n  lea 0xff00(%rdi), %rsp\n"
        "  pushq $0x23\n  lea c_32-c_blob(%rdi), %rax\n  push %rax\n  lretq\n"
        ".code32\nc_32: xor %eax, %eax\n  mov %esi, %ecx\n1: add %ecx, %eax\n  call 2f\n  dec %ecx\n  jnz 1b\n"
        "  push $0x33\n  lea c_back-c_blob(%edi), %edx\n  push %edx\n  lret\n2: inc %eax\n  ret\n"
        ".code64\nc_back: mov 0x1000(%rdi), %rsp\n  pop %rbp\n  pop %rbx\n  ret\nc_end:\n");
extern char c_blob[], c_end[];
static volatile int ticks;
static volatile double sum;
static void on_tick(int signal, siginfo_t *info, void *context) {
    ticks++;
    sum = sum * 1.5 + ticks;
}
int main(void) {
    char *base = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    MUST((long)base);
    memcpy(base, c_blob, c_end - c_blob);
    uint64_t hash = 0;
    for (int n = 1; n <= 40; n++) hash = mix(hash, ((int (*)(char *, int))base)(base, n));
    handle(SIGALRM, on_tick, SA_RESTART);
    struct itimerval timer = {{0, 700}, {0, 700}};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    double product = 1;
    for (int n = 0; ticks < 20; n++) {
        product *= 1.25;
        int result = ((int (*)(char *, int))base)(base, 9);
        CHECK(result == 54, "%d", result);
        product /= 1.25;
    }
    CHECK(product == 1, "%g", product);
    timer = (struct itimerval){0};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    // What comes afterwards is the program's as before: calls, signals, system calls.
    hash = mix(hash, grind(hash, 1000));
    printf("%016lx\n", hash);
    return verdict();
}
