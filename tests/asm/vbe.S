/*
 * vbe.S - boot sector: VESA mode 112h (640x480, 24 or 32 bits a pixel), red x, green y, blue x ^ y, written through
 * the 64 KiB window at A0000h. tests/tools/picture.py draws the same; tests/boot/ compares.
 */
	.code16
	.globl _start
_start:
	cld
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	mov %ax, %es
	mov $0x8000, %di
	mov $0x4f01, %ax /* mode information: bits a pixel at 19h */
	mov $0x112, %cx
	int $0x10
	mov $0x4f02, %ax
	mov $0x112, %bx
	int $0x10
	cmp $0x004f, %ax
	jne fail
	mov $0xa000, %ax
	mov %ax, %es
	xor %di, %di /* offset in the window; bp: the window's bank */
	xor %bp, %bp
	xor %dx, %dx /* y */
row:	xor %cx, %cx /* x */
pixel:	mov %cl, %al
	xor %dl, %al
	call put /* blue, green, red */
	mov %dl, %al
	call put
	mov %cl, %al
	call put
	cmpb $32, 0x8019
	jne 1f
	xor %al, %al
	call put
1:	inc %cx
	cmp $640, %cx
	jb pixel
	inc %dx
	cmp $480, %dx
	jb row
	mov $'R', %al
	jmp tell
fail:	mov $'F', %al
tell:	mov $0x3f8, %dx
	out %al, %dx
2:	sti
	hlt
	jmp 2b

put:	stosb /* one byte; at the end of the window move it on */
	test %di, %di
	jnz 3f
	pusha
	inc %bp
	mov %bp, %dx
	xor %bx, %bx
	mov $0x4f05, %ax
	int $0x10
	popa
	inc %bp
3:	ret
	.org 510
	.word 0xaa55
