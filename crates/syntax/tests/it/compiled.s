	.file	"g.c"
	.intel_syntax noprefix
	.text
	.globl	work
	.type	work, @function
work:
	test	edi, edi
	jle	.L4
	mov	edx, 0
	mov	ecx, 0
	lea	r8, tab[rip]
.L3:
	movsx	rax, edx
	imul	rax, rax, 1431655766
	shr	rax, 32
	mov	esi, edx
	sar	esi, 31
	sub	eax, esi
	lea	esi, [rax+rax*2]
	mov	eax, edx
	sub	eax, esi
	cdqe
	mov	esi, edx
	imul	esi, DWORD PTR [r8+rax*4]
	add	ecx, esi
	add	edx, 1
	cmp	edi, edx
	jne	.L3
.L1:
	mov	eax, ecx
	ret
.L4:
	mov	ecx, 0
	jmp	.L1
	.size	work, .-work
	.globl	main
	.type	main, @function
main:
	mov	edi, 10
	call	work
	ret
	.size	main, .-main
	.section	.rodata
	.align 8
	.type	tab, @object
	.size	tab, 12
tab:
	.long	3
	.long	1
	.long	2
	.ident	"GCC"
	.section	.note.GNU-stack,"",@progbits
