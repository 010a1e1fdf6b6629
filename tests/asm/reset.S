/*
 * reset.S - a firmware of 64 KiB that resets the machine 1,000 times through port 92h, port CF9h, the keyboard controller
 * and triple faults in turn, counting in RAM, and ends it by isa-debug-exit (port 501h): status 85 if the count is right.
 * A magic number tells the first start, when RAM is zero, from the later ones.
 */
	.code16
	.globl _start
_start:
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7000, %sp
	cmpl $0x0dea60a5, 0x500
	je 1f
	movl $0x0dea60a5, 0x500
	movl $0, 0x504
1:	incl 0x504
	cmpl $1000, 0x504
	ja done
	testl $1, 0x504
	jz fault
	testl $2, 0x504
	jz kbc
	testl $4, 0x504
	jz rcr
	in $0x92, %al /* fast reset: bit 0 rises */
	and $0xfe, %al
	out %al, $0x92
	or $1, %al
	out %al, $0x92
	jmp stop
rcr:	mov $0xcf9, %dx /* the chipset's reset control: a hard reset, then bit 2 rises */
	mov $2, %al
	out %al, %dx
	mov $6, %al
	out %al, %dx
	jmp stop
kbc:	in $0x64, %al
	test $2, %al
	jnz kbc
	mov $0xfe, %al
	out %al, $0x64
	jmp stop
fault:	cs lidtl none - _start /* no handler at all: #UD, #DF, shutdown */
	ud2
done:	mov $0x501, %dx
	mov $42, %al
	out %al, %dx
stop:	hlt
	jmp stop
	.balign 4
none:	.word 0
	.long 0
	.org 0xfff0
	ljmp $0xf000, $0
	.org 0x10000
