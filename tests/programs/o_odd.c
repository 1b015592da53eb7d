//! loads of SS, far returns, iretq, push and pop of flags, call to the next instruction, cpuid, returns with pops
// raw
// link: static static-pie
// oracle: count cov
#include "raw.h"
int raw_main(void) {
    uint64_t h = 0;
    for (int n = 0; n < 30; n++) {
        __asm__ volatile("mov %%ss, %%eax\n mov %%eax, %%ss\n inc %0\n mov %%eax, %%ss\n jmp 1f\n nop\n1: inc %0\n" : "+b"(h)::"rax");
        __asm__ volatile("lea 1f(%%rip), %%rax\n pushq $0x33\n push %%rax\n lretq\n nop\n1: inc %0\n" : "+b"(h)::"rax", "memory");
        __asm__ volatile("mov %%rsp, %%rcx\n pushq $0x2b\n push %%rcx\n pushfq\n pushq $0x33\n lea 1f(%%rip), %%rax\n push %%rax\n iretq\n1: inc %0\n"
                         : "+b"(h)::"rax", "rcx", "memory");
        __asm__ volatile("pushfq\n popfq\n call 1f\n1: pop %%rax\n sub %%rax, %0\n add %%rax, %0\n" : "+b"(h)::"rax", "memory");
        __asm__ volatile("push $1\n push $2\n call 1f\n jmp 2f\n1: ret $16\n2: inc %0\n" : "+b"(h)::"memory");
        __asm__ volatile("xor %%eax, %%eax\n cpuid\n" ::: "rax", "rbx", "rcx", "rdx");
        __asm__ volatile("push %0\n push %0\n pop %%rax\n pop %%rcx\n xchg %%rax, %%rcx\n rep nop\n endbr64\n" : "+b"(h)::"rax", "rcx", "memory");
    }
    raw_print(h);
    return 0;
}
