# Sums a table, and changes the sum.
table: dd 1, 2, 3, 4
main:
    lea rsi, [rip+table]
    mov ecx, 4
    xor eax, eax
.loop:
    add eax, [rsi]
    lea rsi, [rsi+4]
    dec ecx
    jnz .loop
    call double
    ret
double:
    imul eax, eax, 3
    ret
