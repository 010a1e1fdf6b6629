# floppy.S - boot sector of a floppy: reads the rest of the disk's first tracks by INT 13h and checks them, writes one
# sector and reads it back, formats a track, prints the outcome on COM1, the printer (INT 17h) and leaves by port F4h.
# The image: sector n (from 1) is filled with bytes n & FFh; the geometry is patched in by the test at offsets 3 and 4.
	.code16
	.text
	.globl _start
_start:
	jmp start
	nop
spt:	.byte 18		# sectors a track
rate_eot: .byte 0
ok:	.asciz "floppy-ok\r\n"
bad:	.asciz "floppy-bad "
start:	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	sti
	cld
	movb %dl, drive - _start + 0x7c00
	movw $0x00e3, %ax	# COM1 9600 8N1
	xorw %dx, %dx
	int $0x14
	# every sector of cylinders 0 and 1, both heads, one by one through the BIOS
	movw $0, %bp		# linear sector
next:	incw %bp
	movzbw spt - _start + 0x7c00, %bx
	movw %bp, %ax
	xorw %dx, %dx
	divw %bx		# ax = track number, dx = sector - 1
	movb %dl, %cl
	incb %cl
	movb %al, %dh
	andb $1, %dh
	shrb $1, %al
	movb %al, %ch
	cmpb $2, %ch
	je done
	movb drive - _start + 0x7c00, %dl
	movw $0x8000, %bx
	movw $0x0201, %ax
	int $0x13
	movb $'r', %al
	jc fail
	movw $0x8000, %si	# all 512 bytes as they should be?
	movw %bp, %dx
	movw $512, %di
check:	lodsb
	cmpb %dl, %al
	movb $'c', %al
	jne fail
	decw %di
	jnz check
	jmp next
done:	# cylinder 2, head 1, sector 3: write a pattern over the 64K DMA boundary rules, read it back
	movw $0x8000, %di
	movw $256, %cx
	movw $0xA55A, %ax
	rep stosw
	movb $'w', %bl
	movw $0x0301, %ax
	call io
	movw $0x8000, %di
	movw $256, %cx
	xorw %ax, %ax
	rep stosw
	movw $0x0201, %ax
	call io
	movb $'W', %al
	cmpw $0xA55A, 0x81FE
	jne fail
	# format cylinder 3, head 0: INT 13h function 5 with the IDs at 8000h
	movw $0x8000, %di
	movb $1, %cl
ids:	movb $3, %al
	stosb
	movb $0, %al
	stosb
	movb %cl, %al
	stosb
	movb $2, %al
	stosb
	incb %cl
	cmpb spt - _start + 0x7c00, %cl
	jbe ids
	movb spt - _start + 0x7c00, %al
	movb $5, %ah
	movw $0x8000, %bx
	movw $0x0301, %cx
	xorw %dx, %dx
	movb drive - _start + 0x7c00, %dl
	int $0x13
	movb $'f', %al
	jc fail
	movw $(ok - _start + 0x7c00), %si
	call print
	movb $0x10, %al
	outb %al, $0xf4
hang:	hlt
	jmp hang
io:	movw $0x8000, %bx
	movw $0x0203, %cx
	movb $1, %dh
	movb drive - _start + 0x7c00, %dl
	int $0x13
	movb $'i', %al
	jc fail
	ret
fail:	push %ax
	movw $(bad - _start + 0x7c00), %si
	call print
	pop %ax
	call putc
	movb %ah, %al
	call putc
	movb $0x20, %al
	outb %al, $0xf4
	jmp hang
print:	lodsb
	testb %al, %al
	jz 1f
	call putc
	jmp print
1:	ret
putc:	pushw %dx
	pushw %ax
	movb $1, %ah
	xorw %dx, %dx
	int $0x14
	popw %ax
	pushw %ax
	xorb %ah, %ah
	xorw %dx, %dx
	int $0x17
	popw %ax
	popw %dx
	ret
drive:	.byte 0
	.org 510
	.byte 0x55, 0xaa
