// A code generator of a few instructions for the programs whose code changes.
#ifndef JIT_H
#define JIT_H
#include <setjmp.h>
#include "common.h"
typedef uint64_t (*code_fn)(uint64_t);

static __attribute__((unused)) sigjmp_buf jit_back;
// The handler of faults in what jit_call calls.
static inline void jit_fault(int signal, siginfo_t *info, void *context) { siglongjmp(jit_back, signal); }
// What code answers, or its fault's signal, negative.
static inline int64_t jit_call(void *code) {
    int signal = sigsetjmp(jit_back, 1);
    if (signal) return -signal;
    return (uint32_t)((code_fn)code)(0);
}

// mov eax, value; ret
static inline size_t jit_constant(uint8_t *at, uint32_t value) {
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
    return 6;
}
// lea rax, [rdi + value]; ret
static inline size_t jit_add(uint8_t *at, int32_t value) {
    static const uint8_t head[] = {0x48, 0x8d, 0x87};
    memcpy(at, head, 3);
    memcpy(at + 3, &value, 4);
    at[7] = 0xc3;
    return 8;
}
// A function of its own shape for each seed, under 128 bytes: some arithmetic on rdi, then ret.
static inline size_t jit_shape(uint8_t *at, uint64_t seed) {
    uint8_t *start = at;
    static const uint8_t move[] = {0x48, 0x89, 0xf8};
    memcpy(at, move, 3);
    at += 3;
    int count = 3 + (int)(seed % 5);
    for (int n = 0; n < count; n++) {
        uint32_t value = (uint32_t)next_random(&seed);
        switch (value % 4) {
        case 0: *at++ = 0x48; *at++ = 0x05; break;                    // add rax, imm32
        case 1: *at++ = 0x48; *at++ = 0x35; break;                    // xor rax, imm32
        case 2: *at++ = 0x48; *at++ = 0x69; *at++ = 0xc0; value |= 1; break; // imul rax, rax, imm32
        case 3: *at++ = 0x48; *at++ = 0x2d; break;                    // sub rax, imm32
        }
        memcpy(at, &value, 4);
        at += 4;
        if (value & 0x10000) {
            // test al, 1; jz +4; rol rax, 7
            static const uint8_t branch[] = {0xa8, 0x01, 0x74, 0x04, 0x48, 0xc1, 0xc0, 0x07};
            memcpy(at, branch, 8);
            at += 8;
        }
    }
    *at++ = 0xc3;
    return at - start;
}
// What jit_shape's function computes.
static inline uint64_t jit_shape_value(uint64_t seed, uint64_t x) {
    int count = 3 + (int)(seed % 5);
    for (int n = 0; n < count; n++) {
        uint32_t value = (uint32_t)next_random(&seed);
        uint64_t wide = (uint64_t)(int64_t)(int32_t)value;
        switch (value % 4) {
        case 0: x += wide; break;
        case 1: x ^= wide; break;
        case 2: x *= (uint64_t)(int64_t)(int32_t)(value |= 1); break;
        case 3: x -= wide; break;
        }
        if (value & 0x10000 && x & 1) x = x << 7 | x >> 57;
    }
    return x;
}
static inline uint8_t *jit_pages(size_t pages, int protection) {
    return (uint8_t *)MUST((long)mmap(NULL, pages * 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC, RWX = PROT_READ | PROT_WRITE | PROT_EXEC };
#endif
