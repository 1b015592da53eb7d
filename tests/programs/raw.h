// What programs without a C library share. Every system call is made here.
#ifndef RAW_H
#define RAW_H
#include <stdint.h>
typedef unsigned long ulong;
static inline long raw_call(long number, long a, long b, long c, long d) {
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}
static inline void raw_exit(int status) {
    for (;;) raw_call(231, status, 0, 0, 0);
}
static void raw_print(uint64_t value) {
    char text[17];
    for (int n = 0; n < 16; n++) {
        int digit = value >> (60 - 4 * n) & 15;
        text[n] = digit < 10 ? '0' + digit : 'a' + digit - 10;
    }
    text[16] = '\n';
    raw_call(1, 1, (long)text, 17, 0);
}
struct raw_action {
    void *handler;
    ulong flags;
    void *restorer;
    uint64_t mask;
};
__asm__(".text\n.globl raw_restorer\nraw_restorer: mov $15, %eax\n  syscall\n");
extern char raw_restorer[];
static void raw_handle(int signal, void *handler, ulong flags) {
    struct raw_action action = {handler, flags | 0x04000004, raw_restorer, 0};
    raw_call(13, signal, (long)&action, 0, 8);
}
// Offsets in a ucontext: 16 is r8 at 40, then r9 … r15, rdi rsi rbp rbx rdx rax rcx rsp rip eflags.
#define RAW_RIP(context) (((uint64_t *)(context))[21])
#define RAW_RCX(context) (((uint64_t *)(context))[19])
// The stack is aligned and main's result is the status.
__asm__(".text\n.globl _start\n_start: xor %ebp, %ebp\n  and $-16, %rsp\n  call raw_main\n  mov %eax, %edi\n  mov $231, %eax\n  syscall\n  hlt\n");
int raw_main(void);
#endif
