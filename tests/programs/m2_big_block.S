//! a basic block of a mebibyte, run three times
    .globl main
main:
    push %rbx
    mov $3, %ebx
    xor %eax, %eax
again:
    .rept 262144
    lea 1(%rax,%rax,2), %eax
    .endr
    dec %ebx
    jnz again
    mov %eax, %esi
    lea text(%rip), %rdi
    xor %eax, %eax
#ifdef __PIC__
    call printf@PLT
#else
    call printf
#endif
    xor %eax, %eax
    pop %rbx
    ret
    .data
text: .asciz "%08x\n"
    .section .note.GNU-stack,"",@progbits
