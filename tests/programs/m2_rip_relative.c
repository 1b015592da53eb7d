//! rip-relative operands of every shape give the program's addresses, with code near and far from everything else
#include "regs.h"
// A blob of code and data is copied to several places in the address space and run at each: its operands
// reach the data page behind it, wherever the rewritten code lies.
__asm__(".section .blob,\"awx\",@progbits\n.balign 4096\n"
        ".globl blob, blob_data, blob_end\nblob:\n"
        // Integer forms, immediates of every width behind the displacement.
        "f_int: mov blob_data(%rip), %rax\n"
        "  mov blob_data+8(%rip), %ecx\n  movzbl blob_data+16(%rip), %edx\n  movsbq blob_data+17(%rip), %rbx\n"
        "  movslq blob_data+20(%rip), %rsi\n  movb $0x5a, blob_data+64(%rip)\n  movw $0x1234, blob_data+66(%rip)\n"
        "  movl $0x12345678, blob_data+68(%rip)\n  movq $-2, blob_data+72(%rip)\n"
        "  addb $0x7f, blob_data+64(%rip)\n  addw $0x1111, blob_data+66(%rip)\n  addl $0x11111111, blob_data+68(%rip)\n"
        "  addq $-128, blob_data+72(%rip)\n  adcq $0x12345678, blob_data+72(%rip)\n"
        "  imul $0x1234567, blob_data+8(%rip), %edi\n  imul $7, blob_data(%rip), %r8\n"
        "  shldq $5, %rax, blob_data+80(%rip)\n  rolq $13, blob_data+88(%rip)\n  sarb $3, blob_data+64(%rip)\n"
        "  btsq $40, blob_data+96(%rip)\n  xor %r9d, %r9d\n  testl $0x40, blob_data+8(%rip)\n  setnz %r9b\n"
        "  cmpq $0, blob_data+8(%rip)\n  cmovne blob_data+24(%rip), %r10\n  xchg %r11, blob_data+104(%rip)\n"
        "  lock xadd %r12, blob_data+112(%rip)\n  push %rax\n  mov blob_data+120(%rip), %rax\n  lock cmpxchg %r13, blob_data+120(%rip)\n  pop %rax\n"
        "  incb blob_data+128(%rip)\n  negl blob_data+132(%rip)\n  notq blob_data+136(%rip)\n"
        "  setb blob_data+144(%rip)\n  movbe blob_data+24(%rip), %r14\n  crc32q blob_data+32(%rip), %r15\n"
        "  mov %cs, blob_data+146(%rip)\n  jmp f_out\n"
        // lea of every width; a 67h address is cut to 32 bits.
        "f_lea: lea blob_data(%rip), %rax\n  lea blob_data(%rip), %ecx\n  xor %edx, %edx\n  lea blob_data(%rip), %dx\n"
        "  lea blob_data(%eip), %rbx\n  lea blob_data(%eip), %esi\n  lea f_lea(%rip), %rdi\n  lea 0x7ffffff0(%rip), %r8\n"
        "  lea -0x80000000(%rip), %r9\n  lea 0(%rip), %r10\n  jmp f_out\n"
        // Forms that use rsp.
        "f_rsp: mov %rsp, blob_data+200(%rip)\n  pushq blob_data(%rip)\n  popq blob_data+208(%rip)\n"
        "  pushw blob_data(%rip)\n  popw blob_data+216(%rip)\n  push $77\n  popq blob_data+224(%rip)\n"
        "  mov %rsp, %rbx\n  xchg %rsp, blob_data+200(%rip)\n  xchg %rsp, blob_data+200(%rip)\n  sub %rbx, %rsp\n  add %rbx, %rsp\n"
        "  add blob_data+232(%rip), %rsp\n  sub blob_data+232(%rip), %rsp\n  mov blob_data+200(%rip), %rsp\n"
        "  call *blob_call(%rip)\n  xor %ebx, %ebx\n  movq $0, blob_data+200(%rip)\n  jmp *blob_jump(%rip)\n"
        "f_leaf: mov (%rsp), %rcx\n  ret\n"
        "f_landing: jmp f_out\n"
        // VEX and EVEX, general registers in vvvv among them.
        "f_bmi: andn blob_data(%rip), %rax, %rcx\n  bzhi %rdx, blob_data+8(%rip), %rbx\n  shlx %rsi, blob_data+16(%rip), %rdi\n"
        "  rorx $17, blob_data+24(%rip), %r8\n  pext blob_data+32(%rip), %r9, %r10\n  pdep blob_data+32(%rip), %rax, %r11\n"
        "  mulx blob_data(%rip), %r12, %r13\n  bextr %rbp, blob_data+40(%rip), %r14\n  blsr blob_data+48(%rip), %r15\n"
        "  popcnt blob_data+48(%rip), %rdx\n  tzcnt blob_data+48(%rip), %rsi\n  lzcnt blob_data+56(%rip), %rbp\n"
        "  vmovd blob_data+4(%rip), %xmm0\n  vpinsrb $3, blob_data+9(%rip), %xmm0, %xmm0\n  vpinsrq $1, blob_data+8(%rip), %xmm0, %xmm0\n"
        "  vmovdqu blob_data(%rip), %ymm1\n  vpaddd blob_data+32(%rip), %ymm1, %ymm1\n  vpshufd $0x1b, blob_data(%rip), %xmm2\n"
        "  vpermq $0x4e, blob_data(%rip), %ymm3\n  vblendvps %ymm1, blob_data(%rip), %ymm3, %ymm4\n"
        "  vextracti128 $1, %ymm1, blob_data+240(%rip)\n  vpextrw $5, %xmm2, blob_data+256(%rip)\n  vbroadcastss blob_data+12(%rip), %ymm5\n"
        "  vpxor %ymm1, %ymm3, %ymm6\n  vpaddq %ymm4, %ymm6, %ymm6\n  vmovdqu %ymm6, blob_data+272(%rip)\n  vzeroupper\n  jmp f_out\n"
        "f_sse: movups blob_data(%rip), %xmm0\n  paddd blob_data+16(%rip), %xmm0\n  pshufd $0x39, blob_data(%rip), %xmm1\n  shufps $0x4e, blob_data+16(%rip), %xmm1\n"
        "  pinsrw $6, blob_data+2(%rip), %xmm0\n  cvtsi2sdq blob_data+8(%rip), %xmm2\n  movsd %xmm2, blob_data+304(%rip)\n  movups %xmm0, blob_data+320(%rip)\n"
        "  cvttsd2si blob_data+304(%rip), %rax\n  fildll blob_data+8(%rip)\n  fistpll blob_data+336(%rip)\n  fldcw blob_data+344(%rip)\n  stmxcsr blob_data+348(%rip)\n  jmp f_out\n"
        "f_evex: vmovdqu64 blob_data(%rip), %zmm16\n  vpaddd blob_data+64(%rip){1to16}, %zmm16, %zmm17\n"
        "  mov $0x5555, %ecx\n  kmovw %ecx, %k1\n  vpaddd blob_data+64(%rip), %zmm16, %zmm17{%k1}\n"
        "  vpcmpud $5, blob_data(%rip), %zmm17, %k2{%k1}\n  kmovw %k2, %eax\n  kmovw blob_data+10(%rip), %k3\n"
        "  vpternlogd $0x96, blob_data+64(%rip), %zmm16, %zmm17\n  vpsrlq $7, blob_data(%rip), %zmm18\n  vpxorq %zmm18, %zmm17, %zmm17\n"
        "  vmovdqu64 %zmm17, blob_data+384(%rip)\n  vpcompressd %zmm17, blob_data+448(%rip){%k1}\n  vextracti32x4 $2, %zmm17, blob_data+512(%rip)\n"
        "  vpmovqb %zmm17, blob_data+528(%rip)\n  kmovw %k3, blob_data+536(%rip)\n  vmovss blob_data+4(%rip), %xmm19{%k1}{z}\n  vmovd %xmm19, %edx\n  vzeroupper\n  jmp f_out\n"
        // Branches on what a rip-relative compare said.
        "f_branch: mov $100, %ecx\n1: incl blob_data+544(%rip)\n  testb $1, blob_data+544(%rip)\n  jz 2f\n  addq $3, blob_data+552(%rip)\n2: loop 1b\n  jmp f_out\n"
        "f_out: jmp *blob_leave(%rip)\n"
        ".balign 4096\nblob_data: .skip 1024\nblob_call: .quad 0\nblob_jump: .quad 0\nblob_leave: .quad 0\n"
        ".balign 4096\nblob_end:\n.text\n.globl f_int, f_lea, f_rsp, f_bmi, f_sse, f_evex, f_branch, f_leaf, f_landing, blob_call, blob_jump, blob_leave\n");
extern char blob[], blob_data[], blob_end[], f_int[], f_lea[], f_rsp[], f_bmi[], f_sse[], f_evex[], f_branch[], f_leaf[], f_landing[];
extern char blob_call[], blob_jump[], blob_leave[];

#define AT(copy, label) ((copy) + ((label) - blob))

static uint64_t run(const char *name, char *copy, const char *label, unsigned bits, int relative) {
    struct regs regs;
    uint64_t seed = 77 + bits, hash = 0;
    for (int i = 0; i < 128; i++) ((uint64_t *)AT(copy, blob_data))[i] = next_random(&seed);
    *(uint16_t *)(AT(copy, blob_data) + 344) = 0x37f;
    *(uint64_t *)(AT(copy, blob_data) + 232) = 64;
    regs_fill(&regs, &seed, regs_spread_flags(bits) & ~0x400ul);
    regs_enter(AT(copy, label), &regs);
    for (int i = 0; i < 16; i++) {
        uint64_t value = regs.r[i];
        if (i == RSP) value -= regs_sp;
        else if (relative && value - (uint64_t)copy < 0x2000) value -= (uint64_t)copy;
        hash = mix(hash, value);
    }
    hash = mix(hash, regs.flags & TESTED_FLAGS);
    return mix_bytes(hash, AT(copy, blob_data), 1024);
}

// What lea gives depends on the place: checked, not hashed.
static void leas(char *copy) {
    struct regs regs;
    uint64_t seed = 9, data = (uint64_t)AT(copy, blob_data);
    regs_fill(&regs, &seed, 0);
    regs_enter(AT(copy, f_lea), &regs);
    CHECK(regs.r[RAX] == data, "lea rax at %p", copy);
    CHECK(regs.r[RCX] == (uint32_t)data, "lea ecx at %p", copy);
    CHECK(regs.r[RDX] == (uint16_t)data, "lea dx at %p", copy);
    CHECK(regs.r[RBX] == (uint32_t)data, "lea rbx,[eip] at %p: %#lx", copy, regs.r[RBX]);
    CHECK(regs.r[RSI] == (uint32_t)data, "lea esi,[eip] at %p: %#lx", copy, regs.r[RSI]);
    CHECK(regs.r[RDI] == (uint64_t)AT(copy, f_lea), "lea of code at %p", copy);
    CHECK(regs.r[R8] - regs.r[R10] == 0x7ffffff0ul - 14, "far lea up at %p: %#lx %#lx", copy, regs.r[R8], regs.r[R10]);
    CHECK(regs.r[R9] - regs.r[R10] == -0x80000000ul - 7, "far lea down at %p", copy);
}

int main(void) {
    static const uint64_t places[] = {0, 0x10000, 0x40000000, 0x7ff00000, 0xfff00000, 0x1000000000, 0x20000000000, 0x300000000000, 0x6fff00000000};
    size_t bytes = blob_end - blob;
    uint64_t first = 0;
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        char *copy = mmap((void *)places[p], bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (places[p] ? MAP_FIXED_NOREPLACE : 0), -1, 0);
        if (copy == MAP_FAILED) { printf("place %zu is taken\n", p); continue; }
        memcpy(copy, blob, bytes);
        MUST(mprotect(copy, blob_data - blob, PROT_READ | PROT_EXEC));
        *(char **)AT(copy, blob_call) = AT(copy, f_leaf);
        *(char **)AT(copy, blob_jump) = AT(copy, f_landing);
        *(char **)AT(copy, blob_leave) = regs_leave;
        uint64_t hash = 0;
        for (unsigned bits = 0; bits < 128; bits += 3) {
            // The three pointers lie behind what is filled.
            hash = mix(hash, run("int", copy, f_int, bits, 0));
            hash = mix(hash, run("rsp", copy, f_rsp, bits, 1));
            hash = mix(hash, run("bmi", copy, f_bmi, bits, 0));
            hash = mix(hash, run("sse", copy, f_sse, bits, 0));
            if (wide) hash = mix(hash, run("evex", copy, f_evex, bits, 0));
            hash = mix(hash, run("branch", copy, f_branch, bits, 0));
        }
        leas(copy);
        if (p == 0) first = hash;
        CHECK(hash == first, "at %#lx the results differ: %#lx, not %#lx", places[p], hash, first);
    }
    printf("%s %016lx\n", wide ? "with AVX-512" : "without AVX-512", first);
    return verdict();
}
