/*
 * modes.S - a firmware of 64 KiB that goes from real mode through 32-bit protected mode to 64-bit mode, leaves a mark in
 * a register in each, and then counts in memory at 600h for ever. For tests/boot/gdb.sh, which knows the labels by name.
 */
	.set rom, 0xf0000
	.set pml4, 0x10000
	.code16
	.globl _start, in_real, in_prot, in_long, count
_start:
	cli
	mov $0x1000, %ax
	mov %ax, %ss
	mov $0x100, %sp
in_real:
	mov $0x1616, %bx
	push %bx
	cs lgdtl gdtr - _start
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $rom + in_prot - _start
	.code32
in_prot:
	mov $0x32323232, %ebx
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $0x8000, %esp
	movl $pml4 + 0x1003, pml4
	movl $pml4 + 0x2003, pml4 + 0x1000
	movl $0x83, pml4 + 0x2000 /* the first 2 MiB 1:1 */
	mov $0x20, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmpl $0x18, $rom + in_long - _start
	.code64
in_long:
	movabs $0x6464646464646464, %rbx
	mov %rbx, %r15
count:	incq 0x600
	jmp count
	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdtr:	.word . - gdt - 1
	.long rom + gdt - _start
	.org 0xfff0
	.code16
	ljmp $0xf000, $0
	.org 0x10000
