//! a program without a C library: all registers are as the kernel leaves them, and it writes and exits
// raw
// oracle: count cov
    .globl _start
_start:
    mov %rsp, first_rsp(%rip)
    lea flags_stack(%rip), %rsp
    pushfq
    pop first_flags(%rip)
    mov first_rsp(%rip), %rsp
    or %rax, %rbx
    or %rcx, %rbx
    or %rdx, %rbx
    or %rsi, %rbx
    or %rdi, %rbx
    or %rbp, %rbx
    or %r8, %rbx
    or %r9, %rbx
    or %r10, %rbx
    or %r11, %rbx
    or %r12, %rbx
    or %r13, %rbx
    or %r14, %rbx
    or %r15, %rbx
    jnz bad
    mov first_flags(%rip), %rax
    and $0xcd5, %eax
    jnz bad
    testb $15, first_rsp(%rip)
    jnz bad
    fnstcw word(%rip)
    cmpw $0x37f, word(%rip)
    jne bad
    stmxcsr word(%rip)
    cmpl $0x1f80, word(%rip)
    jne bad
    movq %xmm0, %rax
    test %rax, %rax
    jnz bad
    mov first_rsp(%rip), %rax
    cmpq $1, (%rax)
    jb bad
    mov $64, %ecx
1:  sub $8, %rax
    cmpq $0, -8(%rax)
    jne bad
    loop 1b
    lea good_text(%rip), %rsi
    mov $good_end - good_text, %edx
    xor %ebx, %ebx
    jmp say
bad:
    lea bad_text(%rip), %rsi
    mov $bad_end - bad_text, %edx
    mov $1, %ebx
say:
    mov $1, %edi
    mov $1, %eax
    syscall
    mov %ebx, %edi
    mov $231, %eax
    syscall
    hlt
    .data
    .balign 8
first_rsp: .quad 0
first_flags: .quad 0
word: .quad 0
    .skip 64
flags_stack: .quad 0
good_text: .ascii "PASS\n"
good_end:
bad_text: .ascii "FAIL: a register, a flag or the memory below the stack is not as the kernel leaves it\n"
bad_end:
    .section .note.GNU-stack,"",@progbits
