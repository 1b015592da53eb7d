# Counts for ever.
count: dq 0
main:
    inc qword ptr [rip+count]
    mov ecx, 10
.wait:
    dec ecx
    jnz .wait
    jmp main
