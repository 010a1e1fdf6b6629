# boot.S - boot sector of the ring-0 test program: loads the 120 sectors behind it to 10000h and enters them in
# 32-bit protected mode, with the segments the program expects (08h code, 10h data, flat).
	.code16
	.globl _start
_start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7C00, %sp
	sti
	movw $0x7C00 + dap - _start, %si
	movb $0x42, %ah
	int $0x13
	cli
	inb $0x92, %al
	orb $2, %al
	outb %al, $0x92
	lgdtl 0x7C00 + gdtr - _start
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $0x10000

	.balign 8
dap:	.byte 16, 0
	.word 120, 0, 0x1000
	.quad 1
gdt:	.quad 0
	.quad 0x00CF9A000000FFFF
	.quad 0x00CF92000000FFFF
gdtr:	.word 23
	.long 0x7C00 + gdt - _start
	.org 510
	.word 0xAA55
