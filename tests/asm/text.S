/*
 * text.S - boot sector: fills the 80x25 text screen with every character in many colours, hides the cursor, stops.
 * tests/tools/picture.py draws the same screen; tests/boot/ compares.
 */
	.code16
	.globl _start
_start:
	cld
	mov $0x0003, %ax
	int $0x10
	mov $0x0100, %ax /* cursor shape: none */
	mov $0x2000, %cx
	int $0x10
	mov $0xb800, %ax
	mov %ax, %es
	xor %di, %di
	xor %cx, %cx
1:	mov %cx, %ax /* cell n: character n & 255, attribute (n >> 4) & 7Fh */
	shr $4, %ax
	and $0x7f, %al
	mov %al, %ah
	mov %cl, %al
	stosw
	inc %cx
	cmp $2000, %cx
	jb 1b
	mov $0x3f8, %dx /* tell the test that the picture is there */
	mov $'R', %al
	out %al, %dx
2:	sti
	hlt
	jmp 2b
	.org 510
	.word 0xaa55
