//! string instructions of every size, direction, repeat prefix and segment, with counts from none to many
#include "regs.h"
#define OPS(X) X(movsb) X(movsw) X(movsl) X(movsq) X(stosb) X(stosw) X(stosl) X(stosq) X(lodsb) X(lodsq) \
    X(scasb) X(scasw) X(scasl) X(scasq) X(cmpsb) X(cmpsw) X(cmpsl) X(cmpsq)
#define FORMS(op)                                                                                               \
    __asm__(".text\nq_one_" #op ": " #op "\n  jmp regs_leave\nq_rep_" #op ": rep " #op "\n  jmp regs_leave\n"   \
            "q_repne_" #op ": repne " #op "\n  jmp regs_leave\nq_67_" #op ": .byte 0x67\n  rep " #op "\n  jmp regs_leave\n"); \
    extern char q_one_##op[], q_rep_##op[], q_repne_##op[], q_67_##op[];
OPS(FORMS)
__asm__(".text\nq_fs: rep movsb %fs:(%rsi), %es:(%rdi)\n  jmp regs_leave\n"
        "q_pair: rep movsb\n  rep stosb\n  repne scasb\n  jmp regs_leave\n");
extern char q_fs[], q_pair[];
#define ROOM 4096
static uint8_t *one, *two;
static uint64_t hash, seed = 21;
static __thread uint8_t local[64];
static void run(const char *name, const char *code, uint64_t count, int down) {
    struct regs regs;
    for (int i = 0; i < ROOM; i++) one[i] = two[i] = next_random(&seed) & 3;
    two[ROOM / 2 + 40] ^= 1;
    regs_fill(&regs, &seed, regs_spread_flags(next_random(&seed) & 127) & ~0x400ul);
    if (down) regs.flags |= 0x400;
    regs.r[RAX] = 0x0302010003020100 & next_random(&seed);
    regs.r[RCX] = count;
    regs.r[RSI] = (uint64_t)one + ROOM / 2;
    regs.r[RDI] = (uint64_t)two + ROOM / 2;
    regs_enter(code, &regs);
    hash = mix(mix(hash, regs.r[RAX]), regs.r[RCX]);
    hash = mix(mix(hash, regs.r[RSI] - (uint64_t)one), regs.r[RDI] - (uint64_t)two);
    hash = mix(hash, regs.flags & TESTED_FLAGS);
    hash = mix_bytes(hash, two, ROOM);
}
int main(void) {
    static const struct { const char *name, *one, *rep, *repne, *narrow; } all[] = {
#define ROW(op) {#op, q_one_##op, q_rep_##op, q_repne_##op, q_67_##op},
        OPS(ROW)
    };
    one = mmap((void *)0x12340000, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    two = one + ROOM;
    static const uint64_t counts[] = {0, 1, 2, 7, 40, 41, 200};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t before = hash;
        for (int down = 0; down < 2; down++)
            for (int c = 0; c < 7; c++) {
                run(all[i].name, all[i].one, counts[c], down);
                run(all[i].name, all[i].rep, counts[c], down);
                run(all[i].name, all[i].repne, counts[c], down);
                run(all[i].name, all[i].narrow, counts[c] | 0xffff00000000, down);
            }
        printf("%s %016lx\n", all[i].name, mix(before, hash));
    }
    uint64_t fs = *(uint64_t *)((char *)__builtin_thread_pointer());
    for (int i = 0; i < 64; i++) local[i] = i * 3;
    struct regs regs;
    regs_fill(&regs, &seed, 0);
    regs.r[RSI] = (uint64_t)local - fs;
    regs.r[RDI] = (uint64_t)one;
    regs.r[RCX] = 64;
    regs_enter(q_fs, &regs);
    CHECK(!memcmp(one, local, 64), "movs from fs:");
    return verdict();
}
