/*
 * low.S - a multiboot kernel below 1 MiB (fields of the header say where it lies, 4000h to 13E00h): it compares all of itself
 * with what was assembled, reads its command line and a module's string and first byte, goes to real mode, and ends by
 * isa-debug-exit. Serial port: "whole", the command line, the module, "real".
 */
	.code32
	.text
	.globl start
start:	jmp 1f
	.balign 4
header:	.long 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000)
	.long 0x4000 + (header - start), 0x4000, 0x4000 + (end - start), 0x4000 + (end - start) + 0x1000, 0x4000
1:	mov $0x14000, %esp
	cmp $0x2BADB002, %eax
	jne fail
	mov %ebx, %ebp
	cld
	/* each word of the filling is its own address */
	mov $0x4000 + (fill - start), %edi
2:	cmp %edi, (%edi)
	jne fail
	add $4, %edi
	cmp $0x4000 + (end - start), %edi
	jb 2b
	mov $0x4000 + (whole - start), %esi
	call print
	mov 16(%ebp), %esi
	call print
	testb $8, (%ebp)
	jz fail
	cmpl $1, 20(%ebp)
	jne fail
	mov 24(%ebp), %ebx
	mov 8(%ebx), %esi
	call print
	mov (%ebx), %esi
	mov 4(%ebx), %eax
	sub %esi, %eax
	cmp $4, %eax /* "abc\n" */
	jne fail
	cmpl $0x0A636261, (%esi)
	jne fail
	/* to real mode by a 16-bit code segment */
	lgdt 0x4000 + (gdtr - start)
	ljmp $8, $0x4000 + (code16 - start)
	.code16
code16:	mov $16, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov %cr0, %eax
	and $~1, %eax
	mov %eax, %cr0
	ljmp $0x400, $(real - start)
real:	mov %cs, %ax
	mov %ax, %ds
	mov $(text - start), %si
	mov $0x3F8, %dx
3:	lodsb
	test %al, %al
	jz 4f
	out %al, %dx
	jmp 3b
4:	mov $0, %al
	out %al, $0xF4
	hlt
	.code32
fail:	mov $1, %al
	out %al, $0xF4
	hlt
print:	mov $0x3F8, %dx
5:	lodsb
	test %al, %al
	jz 6f
	out %al, %dx
	jmp 5b
6:	mov $10, %al
	out %al, %dx
	ret
whole:	.asciz "whole"
text:	.asciz "real\n"
	.balign 4
gdtr:	.word 23
	.long 0x4000 + (gdt - start)
	.balign 8
gdt:	.quad 0
	.quad 0x00009A000000FFFF
	.quad 0x000092000000FFFF
	.balign 4
fill:
	.rept 0x3F00
	.long . - start + 0x4000
	.endr
end:
