// Makes random programs of random instructions with flags and registers live across every kind of branch.
#ifndef RANDOM_CODE_H
#define RANDOM_CODE_H
#include "common.h"

// A program is some functions of some blocks each. Blocks are left forwards only, functions call later ones
// only, so every program ends. r15 points to its memory, rsp to its stack; all else is free.
enum { FUNCTIONS = 8, BLOCKS = 9, SLOTS = 64, DATA = 4096, STATE = 2048, ENTRY_RSP = DATA };
struct program {
    uint8_t *code, *at;
    uint8_t *memory;
    uint8_t *blocks[FUNCTIONS][BLOCKS + 1];
    struct { uint8_t *field; int function, block; } fixups[512];
    struct { int function, first; } slots[SLOTS];
    int fixup_count, slot_count;
    uint64_t seed;
};
static unsigned pick(struct program *p, unsigned below) { return (unsigned)(next_random(&p->seed) >> 20) % below; }
static void byte(struct program *p, int b) { *p->at++ = b; }
static void word(struct program *p, uint32_t w) { memcpy(p->at, &w, 4), p->at += 4; }
// A register other than rsp, rcx (counts loops) and r15.
static int any(struct program *p) {
    static const int free_[] = {0, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    return free_[pick(p, 13)];
}
static void rex_rr(struct program *p, int wide, int reg, int rm) { byte(p, 0x40 | wide << 3 | (reg >> 3) << 2 | rm >> 3); }
static void rr(struct program *p, int wide, int opcode, int reg, int rm) {
    rex_rr(p, wide, reg, rm);
    if (opcode > 0xff) byte(p, opcode >> 8);
    byte(p, opcode);
    byte(p, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
// [r15 + disp32] or, sometimes, [rip + disp32] of data behind the code.
static void rm(struct program *p, int wide, int opcode, int reg, int behind) {
    int far_ = pick(p, 3) == 0;
    byte(p, 0x40 | wide << 3 | (reg >> 3) << 2 | !far_);
    if (opcode > 0xff) byte(p, opcode >> 8);
    byte(p, opcode);
    uint32_t offset = pick(p, DATA / 2 / 16) * 16;
    if (far_) {
        byte(p, (reg & 7) << 3 | 5);
        word(p, (uint32_t)(p->memory + offset - (p->at + 4 + behind)));
    } else {
        byte(p, 0x80 | (reg & 7) << 3 | 7);
        word(p, offset);
    }
}
static void to_block(struct program *p, int function, int block) {
    p->fixups[p->fixup_count].field = p->at;
    p->fixups[p->fixup_count].function = function;
    p->fixups[p->fixup_count++].block = block;
    word(p, 0);
}
static void instruction(struct program *p) {
    int a = any(p), b = any(p), wide = pick(p, 4) != 0;
    switch (pick(p, 30)) {
    case 0: case 1: case 2: rr(p, wide, pick(p, 8) * 8 + 1, a, b); break;            // add or adc sbb and sub xor cmp
    case 3: case 4: rm(p, wide, pick(p, 8) * 8 + 3, a, 0); break;                    // the same from memory
    case 5: rm(p, wide, pick(p, 7) * 8 + 1, a, 0); break;                            // the same to memory
    case 6: rr(p, wide, 0x81, pick(p, 8), a); word(p, next_random(&p->seed)); break;
    case 7: rm(p, wide, 0x81, pick(p, 8), 4); word(p, next_random(&p->seed)); break;
    case 8: rr(p, wide, 0xc1, pick(p, 8), a); byte(p, pick(p, 70)); break;           // shifts and rotates
    case 9: rr(p, wide, 0xd3, pick(p, 8), a); break;                                 // by cl
    case 10: rr(p, wide, 0x0f40 | pick(p, 16), a, b); break;                         // cmovcc
    case 11: rr(p, 0, 0x0f90 | pick(p, 16), 0, a); break;                            // setcc
    case 12: rr(p, wide, 0xff, pick(p, 2), a); break;                                // inc dec
    case 13: rr(p, wide, 0xf7, 2 + pick(p, 2), a); break;                            // not neg
    case 14: rr(p, wide, 0x0faf, a, b); break;                                       // imul
    case 15: rr(p, 1, 0x8d, a, b), p->at[-1] = 0x80 | (a & 7) << 3 | (b & 7);        // lea a, [b + disp32]
        if ((b & 7) == 4) byte(p, 0x24);
        word(p, next_random(&p->seed));
        break;
    case 16: rr(p, wide, 0x0fa3 | pick(p, 4) << 3, a, b); break;                     // bt bts btr btc
    case 17: byte(p, 0x9f); break;                                                   // lahf
    case 18: byte(p, 0x9e); break;                                                   // sahf
    case 19: byte(p, pick(p, 2) ? 0xf5 : 0xf8 | pick(p, 2)); break;                  // cmc clc stc
    case 20: byte(p, 0x9c), byte(p, 0x8f), byte(p, 0xc1), rr(p, 1, 0x89, 1, a); break; // pushf; pop rcx; mov a, rcx
    case 21: rr(p, wide, 0x0fbc | pick(p, 2), a, b); break;                          // bsf bsr
    case 22: rr(p, wide, 0x87, a, b); break;                                         // xchg
    case 23: rm(p, wide, pick(p, 2) ? 0x89 : 0x8b, a, 0); break;                     // mov
    case 24: rr(p, 1, 0x0fb6 | pick(p, 2) | pick(p, 2) << 3, a, b); break;           // movzx movsx
    case 25: byte(p, 0x66); rr(p, pick(p, 2), 0x0f6e, pick(p, 8), a); break;         // movd movq to xmm
    case 26: byte(p, 0x66); rr(p, 0, pick(p, 2) ? 0x0ffe : 0x0fef, pick(p, 8), pick(p, 8)); break; // paddd pxor
    case 27: byte(p, 0x66); rr(p, 1, 0x0f7e, pick(p, 8), a); break;                  // movq from xmm
    case 28: byte(p, 0x50 | (pick(p, 2) ? 0 : 3)), byte(p, 0x58 | 2); break;         // push rax or rbx; pop rdx
    case 29: byte(p, 0xf0); rm(p, wide, pick(p, 2) ? 0x01 : 0x0fc1, a, 0); break;    // lock add, lock xadd
    }
}
// A slot holds the address of one of the blocks behind `first`, or of a later function; another one each run.
static uint32_t slot(struct program *p, int function, int first) {
    p->slots[p->slot_count].function = function;
    p->slots[p->slot_count].first = first;
    return DATA - SLOTS * 8 + 8 * p->slot_count++;
}
static void call(struct program *p, int function) {
    if (function + 1 >= FUNCTIONS) return;
    if (pick(p, 2) && p->slot_count < SLOTS) {
        uint32_t at = slot(p, function + 1, -1);
        if (pick(p, 2)) {
            byte(p, 0x41), byte(p, 0xff), byte(p, 0x97), word(p, at);                // call [r15 + at]
        } else {
            byte(p, 0x49), byte(p, 0x8b), byte(p, 0x8f), word(p, at);                // mov rcx, [r15 + at]
            byte(p, 0xff), byte(p, 0xd1);                                            // call rcx
        }
    } else {
        byte(p, 0xe8);
        to_block(p, function + 1 + pick(p, FUNCTIONS - function - 1), 0);
    }
}
static void leave_block(struct program *p, int function, int block) {
    int next = block + 1 + pick(p, BLOCKS - block);
    switch (pick(p, 9)) {
    case 0: case 1: case 2: byte(p, 0x0f), byte(p, 0x80 | pick(p, 16)), to_block(p, function, next); break;
    case 3: byte(p, 0xe9), to_block(p, function, next); break;
    case 4: {
        if (p->slot_count >= SLOTS) break;
        uint32_t at = slot(p, function, block + 1);
        byte(p, 0x41), byte(p, 0xff), byte(p, 0xa7), word(p, at);                    // jmp [r15 + at]
        break;
    }
    case 5: {
        if (p->slot_count >= SLOTS) break;
        uint32_t at = slot(p, function, block + 1);
        byte(p, 0x49), byte(p, 0x8b), byte(p, 0x8f), word(p, at);                    // mov rcx, [r15 + at]
        for (int n = 0; n < 3; n++) rr(p, 1, pick(p, 8) * 8 + 1, any(p), any(p));
        byte(p, 0xff), byte(p, 0xe1);                                                // jmp rcx
        break;
    }
    case 6: byte(p, pick(p, 2) ? 0xe3 : 0x67), p->at[-1] == 0x67 ? byte(p, 0xe3) : (void)0, byte(p, 5), byte(p, 0xe9), to_block(p, function, next); break;
    case 7: call(p, function); break;
    default: break;
    }
}
static void block(struct program *p, int function, int number) {
    p->blocks[function][number] = p->at;
    byte(p, 0xb9), word(p, 1 + pick(p, 4));                                          // mov ecx, few
    uint8_t *top = p->at;
    for (int n = 0, count = 1 + pick(p, 8); n < count; n++) instruction(p);
    if (pick(p, 4) == 0 && p->at - top < 100) {
        // The body may have changed rcx: set it so that the loop ends.
        byte(p, 0x83), byte(p, 0xe1), byte(p, 3);                                    // and ecx, 3
        byte(p, 0x8d), byte(p, 0x49), byte(p, 1);                                    // lea ecx, [rcx + 1]
        uint8_t *loop = p->at;
        for (int n = 0; n < 3; n++) {
            int a = any(p);
            rr(p, 1, pick(p, 8) * 8 + 1, a, any(p));
        }
        byte(p, 0xe2 - pick(p, 3)), byte(p, loop - p->at - 1);                       // loop loope loopne
    }
    leave_block(p, function, number);
}
// uint64_t f(memory): loads the state, calls function 0, stores the state.
static void entry(struct program *p) {
    static const uint8_t saves[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x9c, 0x49, 0x89, 0xff};
    memcpy(p->at, saves, sizeof saves), p->at += sizeof saves;
    byte(p, 0x41), byte(p, 0xff), byte(p, 0xb7), word(p, STATE + 128), byte(p, 0x9d);  // push [r15 + ..]; popf
    for (int r = 0; r < 15; r++)
        if (r != 4) byte(p, 0x49 | (r >> 3) << 2), byte(p, 0x8b), byte(p, 0x87 | (r & 7) << 3), word(p, STATE + 8 * r);
    byte(p, 0x49), byte(p, 0x89), byte(p, 0xa7), word(p, ENTRY_RSP);                  // mov [r15 + ..], rsp
    byte(p, 0xe8), to_block(p, 0, 0);
    byte(p, 0x9c), byte(p, 0x41), byte(p, 0x8f), byte(p, 0x87), word(p, STATE + 128); // pushf; pop [r15 + ..]
    for (int r = 0; r < 15; r++)
        if (r != 4 && r != 1) byte(p, 0x49 | (r >> 3) << 2), byte(p, 0x89), byte(p, 0x87 | (r & 7) << 3), word(p, STATE + 8 * r);
    static const uint8_t restores[] = {0x9d, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3};
    memcpy(p->at, restores, sizeof restores), p->at += sizeof restores;
}
static void make(struct program *p, uint64_t seed) {
    memset(p, 0, sizeof *p);
    p->seed = seed * 0x9e3779b97f4a7c15u + 1;
    p->code = (uint8_t *)MUST((long)mmap(NULL, 0x12000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    p->memory = p->code + 0x10000;
    p->at = p->code;
    entry(p);
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int b = 0; b < BLOCKS; b++) block(p, f, b);
        p->blocks[f][BLOCKS] = p->at;
        // Addresses do not belong to the results.
        byte(p, 0xb9), word(p, 5);
        byte(p, 0xc3);
    }
    for (int n = 0; n < p->fixup_count; n++) {
        uint8_t *field = p->fixups[n].field, *to = p->blocks[p->fixups[n].function][p->fixups[n].block];
        uint32_t distance = (uint32_t)(to - (field + 4));
        memcpy(field, &distance, 4);
    }
    MUST(mprotect(p->code, 0x10000, PROT_READ | PROT_EXEC));
}
// Draws all that the program starts from; `flags` are set besides the arithmetic ones.
static void prepare(struct program *p, uint64_t seed, uint64_t flags) {
    uint64_t random = seed | 1;
    for (int n = 0; n < (DATA - SLOTS * 8) / 8; n++) ((uint64_t *)p->memory)[n] = next_random(&random);
    for (int n = 0; n < p->slot_count; n++) {
        int function = p->slots[n].function, first = p->slots[n].first;
        uint64_t which = next_random(&random) >> 20;
        uint8_t *to = first < 0 ? p->blocks[function + which % (FUNCTIONS - function)][0] : p->blocks[function][first + which % (BLOCKS + 1 - first)];
        ((uint64_t *)(p->memory + DATA - SLOTS * 8))[n] = (uint64_t)to;
    }
    uint64_t *word = (uint64_t *)(p->memory + STATE) + 16;
    *word = (*word & 0x8d5) | flags;
}
static void execute(struct program *p) {
    __asm__ volatile("pxor %%xmm0, %%xmm0\n pxor %%xmm1, %%xmm1\n pxor %%xmm2, %%xmm2\n pxor %%xmm3, %%xmm3\n"
                     "pxor %%xmm4, %%xmm4\n pxor %%xmm5, %%xmm5\n pxor %%xmm6, %%xmm6\n pxor %%xmm7, %%xmm7\n"
                     "mov %0, %%rdi\n call *%1\n" ::"r"(p->memory), "r"(p->code)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
}
// Gives a hash of its memory, registers and flags after a run.
static uint64_t run(struct program *p, uint64_t seed) {
    prepare(p, seed, 0);
    execute(p);
    ((uint64_t *)(p->memory + STATE))[16] &= 0xcd5;
    return mix_bytes(0, p->memory, DATA - SLOTS * 8);
}
#endif
