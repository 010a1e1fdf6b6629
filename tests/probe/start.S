/*
 * start.S - from a multiboot loader to main() in 32-bit or 64-bit code, flat, with paging; exception and interrupt entries;
 * trap_in(): a call that a fault ends. Everything lies in pages that ring 3 may use, too.
 */
	.section .head, "ax"
	.code32
	.balign 4
	.long 0x1BADB002, 0, -0x1BADB002
	.globl start
start:	mov $stack_top, %esp
	mov %ebx, mb_info
	lgdt gdtr
	ljmp $8, $1f
1:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	/* directory or directories: 4 GiB as 4-MiB or 2-MiB pages, P W U */
	cld
	mov $0x87, %eax
	mov $pd, %edi
#ifdef __x86_64__
	mov $2048, %ecx
2:	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $8, %edi
	add $0x200000, %eax
	loop 2b
	movl $pdpt + 7, pml4
	movl $pd + 7, pdpt
	movl $pd + 0x1007, pdpt + 8
	movl $pd + 0x2007, pdpt + 16
	movl $pd + 0x3007, pdpt + 24
	mov $0x20, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xC0000080, %ecx
	rdmsr
	or $0x901, %eax
	wrmsr
	mov $0x80010033, %eax
	mov %eax, %cr0
	ljmp $0x28, $3f
	.code64
3:	mov $0x660, %eax
	mov %cr4, %rcx
	or %rax, %rcx
	mov %rcx, %cr4
	mov $stack_top, %rsp
#else
	mov $1024, %ecx
2:	mov %eax, (%edi)
	add $4, %edi
	add $0x400000, %eax
	loop 2b
	mov $0x610, %eax
	mov %eax, %cr4
	mov $pd, %eax
	mov %eax, %cr3
	mov $0x80010033, %eax
	mov %eax, %cr0
#endif
	fninit
	call main
	movzbl %al, %eax
	out %eax, $0xF4
4:	hlt
	jmp 4b

	.text
	.macro entry n
	.balign 16
	.if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21)
	.else
	push $0
	.endif
	push $\n
	jmp common
	.endm
	.balign 16
	.globl entries
entries:
	.set n, 0
	.rept 256
	entry n
	.set n, n + 1
	.endr
common:
#ifdef __x86_64__
	push %rax; push %rcx; push %rdx; push %rbx; push %rbp; push %rsi; push %rdi
	push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15
	mov %rsp, %rdi
	cld
	mov %rsp, %rbp
	and $-16, %rsp
	call handle
	mov %rbp, %rsp
	pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8
	pop %rdi; pop %rsi; pop %rbp; pop %rbx; pop %rdx; pop %rcx; pop %rax
	add $16, %rsp
	iretq
#else
	pusha
	push %ds
	push %es
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %esp, %eax
	cld
	push %eax
	call handle
	add $4, %esp
	pop %es
	pop %ds
	popa
	add $8, %esp
	iret
#endif

/* int trap_in(void (*fn)(void *), void *arg): vector, or -1; the rest in trap */
	.globl trap_in, trap_out
trap_in:
#ifdef __x86_64__
	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; pushf
	mov %rsp, recover
	mov %rdi, %rax
	mov %rsi, %rdi
	sub $8, %rsp
	call *%rax
	add $8, %rsp
	movq $0, recover
	mov $-1, %eax
	jmp 1f
trap_out:
	mov recover, %rsp
	movq $0, recover
	mov %edi, %eax
1:	popf; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
	ret
#else
	push %ebx; push %ebp; push %esi; push %edi; pushf
	mov %esp, recover
	pushl 28(%esp)
	call *28(%esp)
	add $4, %esp
	movl $0, recover
	mov $-1, %eax
	jmp 1f
trap_out:
	mov 4(%esp), %eax
	mov $16, %edx
	mov %edx, %ds
	mov %edx, %es
	mov %edx, %ss
	mov recover, %esp
	movl $0, recover
1:	popf; pop %edi; pop %esi; pop %ebp; pop %ebx
	ret
#endif

	.data
	.balign 8
	.globl gdt, gdtr
gdt:	.quad 0
	.quad 0x00CF9A000000FFFF /* 08: 32-bit code */
	.quad 0x00CF92000000FFFF /* 10: data */
	.quad 0x00CFFA000000FFFF /* 18: 32-bit code, 3 */
	.quad 0x00CFF2000000FFFF /* 20: data, 3 */
	.quad 0x00AF9A000000FFFF /* 28: 64-bit code */
	.quad 0x00AFFA000000FFFF /* 30: 64-bit code, 3 */
	.quad 0			 /* 38, 40: TSS */
	.quad 0
	.fill 24, 8, 0		 /* 48...: for tests */
gdt_end:
	.word 0
gdtr:	.word gdt_end - gdt - 1
	.long gdt, 0
	.globl mb_info, recover
mb_info: .quad 0
recover: .quad 0
	.bss
	.balign 4096
	.globl pml4, pdpt, pd, stack_top
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096 * 4
	.skip 16384
stack_top:
