//! enter, leave, xlat, moffs, push and pop of rsp, mov ss, cmpxchg16b, cpuid and their like give native's results
#include "regs.h"
#define ALL(X) X(enter) X(enter2) X(xlat) X(xlatfs) X(moffs) X(pushsp) X(popsp) X(popmem) X(movss) X(popfs) X(cx16) X(xadd) X(bswap) X(cpuid) \
    X(sahf) X(adx) X(bits) X(cbw) X(shifts) X(cmov) X(sets) X(x87) X(sse) X(fxsave) X(nops) X(rdfs) X(moves) X(prefetch) X(div) X(flagsout) X(push66) X(ins)
#define DECLARE(n) extern char o_##n[];
ALL(DECLARE)
__asm__(".data\n.balign 64\n.globl o_data\no_data: .skip 1024\n.text\n"
        "o_enter: enter $64, $0\n  mov %rbp, %rax\n  sub %rsp, %rax\n  leave\n  mov $1, %ecx\n  jmp regs_leave\n"
        "o_enter2: mov %rbp, %rbx\n  mov %rsp, %rbp\n  enter $32, $3\n  mov %rbp, %rax\n  sub %rsp, %rax\n  leave\n  mov %rbx, %rbp\n  jmp regs_leave\n"
        "o_xlat: lea o_data(%rip), %rbx\n  and $0x3f, %eax\n  xlatb\n  xor %ebx, %ebx\n  jmp regs_leave\n"
        "o_xlatfs: mov $-64, %rbx\n  mov $3, %eax\n  xlatb %fs:(%rbx)\n  xor %eax, %eax\n  jmp regs_leave\n"
        "o_moffs: movabs 0x12340020, %rax\n  movabs %al, 0x12340028\n  .byte 0x67, 0xa1\n  .long 0x12340000\n  jmp regs_leave\n"
        "o_pushsp: push %rsp\n  pop %rax\n  sub %rsp, %rax\n  jmp regs_leave\n"
        "o_popsp: mov %rsp, %rax\n  push %rax\n  pop %rsp\n  sub %rsp, %rax\n  jmp regs_leave\n"
        "o_popmem: mov %rsp, %rbx\n  push $5\n  push $6\n  popq 8(%rsp)\n  pop %rcx\n  pushq -8(%rsp)\n  pop %rdx\n  sub %rsp, %rbx\n  jmp regs_leave\n"
        "o_movss: mov %ss, %eax\n  mov %eax, %ss\n  mov %ss, %ecx\n  mov %eax, %ss\n  jmp 1f\n1: mov %eax, %ss\n  mov %rsp, %rdx\n  sub %rsp, %rdx\n  jmp regs_leave\n"
        "o_popfs: mov %fs, %eax\n  mov %ds, %ebx\n  mov %es, %ecx\n  mov %gs, %edx\n  mov %ds, %esi\n  mov %esi, %ds\n  mov %esi, %es\n  mov %cs, %edi\n  jmp regs_leave\n"
        "o_cx16: lea o_data(%rip), %rsi\n  mov (%rsi), %rax\n  mov 8(%rsi), %rdx\n  lock cmpxchg16b (%rsi)\n  setz %r8b\n  lock cmpxchg16b (%rsi)\n  setz %r9b\n  xor %esi, %esi\n  jmp regs_leave\n"
        "o_xadd: lea o_data(%rip), %rsi\n  lock xadd %rax, (%rsi)\n  lock incq 8(%rsi)\n  lock btsq $5, 16(%rsi)\n  xchg %ecx, 24(%rsi)\n  lock cmpxchg %rdx, 32(%rsi)\n  mov $0, %esi\n  jmp regs_leave\n"
        "o_bswap: bswap %rax\n  bswap %ecx\n  xchg %ah, %bl\n  xchg %rdx, %r8\n  movzbl %ah, %edi\n  movsbl %ch, %esi\n  mov %dh, %bh\n  jmp regs_leave\n"
        "o_cpuid: xor %eax, %eax\n  cpuid\n  xor %ecx, %ecx\n  xgetbv\n  jmp regs_leave\n"
        "o_sahf: sahf\n  mov $0, %eax\n  lahf\n  seto %al\n  jmp regs_leave\n"
        "o_adx: adcx %rax, %rbx\n  adox %rcx, %rdx\n  adcx %rbx, %r8\n  adox %rdx, %r9\n  jmp 1f\n1: adcx %r8, %r10\n  adox %r9, %r11\n  jmp regs_leave\n"
        "o_bits: bsf %rax, %rbx\n  bsr %rcx, %rdx\n  bt %rsi, %rdi\n  btc $7, %r8d\n  popcnt %r9, %r10\n  tzcnt %r11, %r12\n  lzcnt %r13, %r14\n  jmp regs_leave\n"
        "o_cbw: cbtw\n  cwtl\n  cltq\n  cqto\n  mov %rdx, %rbx\n  cltd\n  cwtd\n  jmp regs_leave\n"
        "o_shifts: shl %cl, %rax\n  sar $3, %rbx\n  rcl %cl, %rdx\n  rcr $5, %rsi\n  shld %cl, %rdi, %r8\n  shrd $9, %r9, %r10\n  rol %cl, %r11d\n  ror $1, %r12w\n  jmp regs_leave\n"
        "o_cmov: cmovo %rax, %rbx\n  cmovs %ecx, %edx\n  cmovp %si, %di\n  cmovbe %r8, %r9\n  cmovg %r10, %r11\n  jmp regs_leave\n"
        "o_sets: seto %al\n  setb %cl\n  setz %dl\n  setbe %bl\n  sets %sil\n  setp %dil\n  setl %r8b\n  setle %r9b\n  jmp regs_leave\n"
        "o_x87: fninit\n  fldpi\n  fldl2e\n  fmulp\n  fsqrt\n  fld1\n  fcomi %st(1), %st\n  setb %al\n  faddp\n  fstpt o_data+64(%rip)\n  fnstcw o_data+80(%rip)\n  fnstsw %ax\n  fldt o_data+64(%rip)\n  fsin\n  fistpll o_data+88(%rip)\n  fninit\n  jmp regs_leave\n"
        "o_sse: movq %rax, %xmm0\n  pshufd $0x1b, %xmm0, %xmm1\n  paddq %xmm1, %xmm0\n  pextrq $1, %xmm0, %rbx\n  pmovmskb %xmm1, %ecx\n  cvtsi2sd %edx, %xmm2\n  sqrtsd %xmm2, %xmm3\n  movq %xmm3, %rsi\n  pcmpistri $0x0c, %xmm0, %xmm1\n  xor %ecx, %ecx\n  aesenc %xmm0, %xmm1\n  pclmulqdq $0x10, %xmm0, %xmm1\n  movq %xmm1, %r8\n  jmp regs_leave\n"
        "o_fxsave: lea o_data+512(%rip), %rdi\n  fxsave64 (%rdi)\n  fxrstor64 (%rdi)\n  stmxcsr o_data+96(%rip)\n  ldmxcsr o_data+96(%rip)\n  xor %edi, %edi\n  jmp regs_leave\n"
        "o_nops: nop\n  .byte 0x66,0x90\n  nopw 0(%rax,%rax)\n  .byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0\n  endbr64\n  pause\n  jmp regs_leave\n"
        "o_rdfs: rdfsbase %rax\n  mov %fs:0, %rbx\n  sub %rbx, %rax\n  wrfsbase %rbx\n  mov %fs:0, %rcx\n  sub %rbx, %rcx\n  xor %ebx, %ebx\n  jmp regs_leave\n"
        "o_moves: movabs $0x1122334455667788, %rax\n  mov $-5, %rcx\n  mov $0xfffffffb, %edx\n  mov $7, %bl\n  mov $8, %bh\n  movnti %rsi, o_data(%rip)\n  movbe %rdi, o_data+8(%rip)\n  jmp regs_leave\n"
        "o_prefetch: prefetcht0 o_data(%rip)\n  prefetchw o_data(%rip)\n  clflush o_data(%rip)\n  sfence\n  lfence\n  mfence\n  jmp regs_leave\n"
        "o_div: mov $0, %edx\n  or $1, %ecx\n  div %ecx\n  mov %edx, %ebx\n  imul %rsi, %rdi\n  mul %r8\n  idivl o_one(%rip)\n  jmp regs_leave\n"
        "o_flagsout: cmp %rax, %rbx\n  jb 1f\n  add %rcx, %rdx\n1: adc %rsi, %rdi\n  inc %r8\n  jo 2f\n  dec %r9\n2: sbb %r10, %r11\n  jmp regs_leave\n"
        "o_push66: pushw $0x1234\n  pushw %ax\n  popw %bx\n  popw %cx\n  pushfw\n  popfw\n  jmp regs_leave\n"
        "o_ins: rdtscp\n  xor %eax, %eax\n  xor %ecx, %ecx\n  xor %edx, %edx\n  rdtsc\n  mov $0, %eax\n  mov $0, %edx\n  jmp regs_leave\n"
        ".data\n.balign 8\no_one: .long 0x40000001\n.text\n");
extern char o_data[];
int main(void) {
    static const struct { const char *name, *code; } all[] = {
#define ROW(n) {#n, o_##n},
        ALL(ROW)
    };
    MUST((long)mmap((void *)0x12340000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    *(uint64_t *)0x12340000 = 0x99aabbccddeeff00;
    *(uint64_t *)0x12340020 = 0x5555666677778888;
    uint64_t seed = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t hash = seed = 1234 + i;
        for (unsigned n = 0; n < 128; n++) {
            struct regs regs;
            for (int k = 0; k < 64; k++) ((uint64_t *)o_data)[k] = next_random(&seed);
            *(uint32_t *)(o_data + 96) = 0x1f80;
            regs_fill(&regs, &seed, regs_spread_flags(n) & ~0x400ul);
            regs_enter(all[i].code, &regs);
            CHECK(regs.r[RSP] == regs_sp, "%s: rsp", all[i].name);
            for (int k = 0; k < 16; k++) {
                if (k != RSP) hash = mix(hash, regs.r[k]);
            }
            hash = mix(hash, regs.flags & TESTED_FLAGS);
            hash = mix_bytes(hash, o_data, 512);
        }
        printf("%s %016lx\n", all[i].name, hash);
    }
    return verdict();
}
