/*
 * adlib.S - a firmware that finds an FM synthesizer at 388h by its timers, as programs do, and plays two notes on it, half a second each by
 * its second timer: number 577 in blocks 4 and 5, 438 Hz and 875 Hz. It says what it has found and leaves by isa-debug-exit
 * (port 501h): status 3 + 2 * the chip (2: OPL2, 3: OPL3), 3 if there is none. On a Sound Blaster the mixer is turned up first.
 */
	.code16
	.globl _start
.macro reg n, v
	mov $(\n) << 8 | (\v), %bx
	call write
.endm
_start:	xor %ax, %ax
	mov %ax, %ss
	mov $0x7000, %sp
	mov $0x224, %dx /* volumes of all, and of FM */
	mov $0xf830, %cx
	call mix
	mov $0xf831, %cx
	call mix
	mov $0xf834, %cx
	call mix
	mov $0xf835, %cx
	call mix
	reg 4, 0x60
	reg 4, 0x80
	call status
	and $0xe0, %al
	jnz none
	reg 2, 0xff
	reg 4, 0x21
	mov $0, %cx
1:	call status
	and $0xe0, %al
	cmp $0xc0, %al
	loopne 1b
	jne none
	reg 4, 0x60
	reg 4, 0x80
	reg 0x40, 0x3f
	reg 0x23, 0x21
	reg 0x43, 0
	reg 0x63, 0xf0
	reg 0x83, 0x0f
	reg 0xa0, 0x41
	reg 0xb0, 0x32
	call half
	reg 0xb0, 0x12
	call half
	reg 0xb0, 0x36
	call half
	reg 0xb0, 0
	call half
	call status
	test $6, %al
	mov $2, %al
	jnz out
	mov $3, %al
	jmp out
none:	mov $1, %al
out:	mov $0x501, %dx
	out %al, %dx
	hlt
	/* 10 times 156 times 320 us */
half:	mov $10, %si
1:	reg 3, 100
	reg 4, 0x42
2:	call status
	test $0x20, %al
	jz 2b
	reg 4, 0x80
	reg 4, 0x60
	dec %si
	jnz 1b
	ret
status:	mov $0x388, %dx
	in %dx, %al
	ret
write:	mov $0x388, %dx
	mov %bh, %al
	out %al, %dx
	inc %dx
	mov %bl, %al
	out %al, %dx
	ret
mix:	mov %cl, %al
	out %al, %dx
	inc %dx
	mov %ch, %al
	out %al, %dx
	dec %dx
	ret
	.org 0xfff0
	ljmp $0xf000, $0
	.org 0x10000
