/* calls.S - a firmware that makes software interrupts for ever, or ends: tests/boot/trace-ends.sh */
	.code16
	.globl _start
_start:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x800, %sp
	movw $handler - _start, 0x80
	movw %cs, 0x82
1:	mov $5000, %cx
2:	loop 2b
	mov $0x1234, %ax
	int $0x20
	jmp 1b
handler: iret
	.org 0xfff0
	ljmp $0xf000, $0
	.org 0x10000
